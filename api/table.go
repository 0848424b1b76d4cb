package api

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// table is everything that the admin plane answers, but for the dashboard's files.
func (s *Server) table() []Route {
	return slices.Concat(s.tableOfParts(), s.tableOfCaptures(), s.tableOfSystem(), s.tableOutside())
}

func (s *Server) tableOfParts() []Route {
	return []Route{
		on(get("/metrics"), Viewer, "Points over time, at most 1,500", s.metricsSeries),
		on(get("/metrics/current"), Viewer, "The newest point, with disk, network, load and goroutines", s.metricsCurrent),

		on(get("/cache/stats"), Viewer, "Cache statistics, overall and by named cache", s.cacheStats),
		on(post("/cache/clear"), Operator, "Clear all caches, one cache, a key pattern or a tag", s.cacheClear),
		on(post("/cache/optimize"), Operator, "Share the bytes anew between the named caches", s.cacheOptimize),

		on(get("/gateway/stats"), Viewer, "The data plane: requests, streams, cache outcomes, faults", s.gatewayStats),
		on(get("/gateway/llm"), Viewer, "Calls of language models: tokens, cost and speed by model, agent, step, tenant and run", s.gatewayLLM),

		on(get("/database/stats"), Viewer, "Database, connection pool and query statistics", s.databaseStats),
		on(get("/database/slow-queries"), Viewer, "Slow statements, slowest first", s.slowQueries),
		on(post("/database/analyze"), Operator, "Plan a statement; it is never run", s.analyze).with(notes),
		on(get("/database/indexes"), Viewer, "Indexes worth making", s.indexes),
		on(post("/database/indexes/{id}/apply"), Admin, "Make an advised index: this version names the statement and leaves it to you", s.indexAct),
		on(post("/database/indexes/{id}/revert"), Admin, "Drop an index that was made: this version makes none", s.indexAct),
		onLater[vacuumInput, map[string]TableOutcome](post("/database/vacuum"), Admin,
			"Vacuum and analyse tables; those that need it when none is named", s.vacuum),
		onLater[preferInput, DatabaseOptimization](post("/database/optimize"), Admin,
			"Vacuum and analyse where statistics call for it, and advise", s.databaseOptimize),

		on(get("/memory/stats"), Viewer, "Memory of machine, process, heap and pools", s.memoryStats),
		on(post("/memory/gc"), Operator, "Collect garbage now", s.memoryGC),

		on(get("/load-balancer/stats"), Viewer, "Load balancer statistics, overall and by server", s.balancerStats),
		on(post("/load-balancer/optimize"), Operator, "Look for a better strategy in recorded traffic", s.balancerOptimize),
		on(put("/load-balancer/strategy"), Operator, "Put a strategy in force", s.balancerStrategy),
		on(get("/load-balancer/servers"), Viewer, "The servers", s.servers),
		on(post("/load-balancer/servers"), Admin, "Add a server", s.serverAdd).creating(),
		on(patch("/load-balancer/servers/{id}"), Admin, "Change a server", s.serverChange),
		on(remove("/load-balancer/servers/{id}"), Admin, "Drain a server and remove it", s.serverRemove),

		on(get("/profiler/summary"), Viewer, "The profiler, the ten slowest functions and the system now", s.profilerSummary),
		on(get("/profiler/functions"), Viewer, "Functions by total time", s.profilerFunctions),
		on(get("/profiler/functions/{name}"), Viewer, "One function", s.profilerFunction),
		on(get("/profiler/bottlenecks"), Viewer, "What the slowest calls cost, by impact", s.profilerBottlenecks),
		on(get("/profiler/traces"), Viewer, "Where the time of traces went: operations, agents, runs", s.profilerTraces),
		on(get("/profiler/causes"), Viewer, "Why functions are slow, by the last look", s.profilerCauses),
		on(post("/profiler/causes"), Operator, "Look for causes now", s.profilerLook),
		on(put("/profiler"), Operator, "Switch the profiler or change its threshold", s.profilerSet),
		on(remove("/profiler/functions"), Operator, "Forget every function", s.profilerClear),
		on(remove("/profiler/functions/{name}"), Operator, "Forget one function", s.profilerClearOne),
	}
}

func (s *Server) tableOfCaptures() []Route {
	data := serve(get("/profiler/captures/{id}"), Viewer, "A capture as a file in pprof's format, or an execution trace", s.captureData)
	data.Path = base + data.Path
	return []Route{
		on(get("/profiler/captures"), Viewer, "Captured profiles, newest first", s.captureList),
		on(post("/profiler/captures"), Operator, "Capture a profile of this process or of a target", s.captureStart).accepting(),
		data,
		on(get("/profiler/captures/{id}/flamegraph"), Viewer, "A capture as a tree of calls", s.captureFlamegraph),
		on(get("/profiler/captures/{id}/top"), Viewer, "A capture by function", s.captureTop),
		on(get("/profiler/captures/{id}/diff"), Viewer, "What changed since another capture, with a verdict", s.captureDiff),
		on(remove("/profiler/captures/{id}"), Operator, "Remove a capture", s.captureRemove),
	}
}

func (s *Server) tableOfSystem() []Route {
	events := serve(get("/events"), Viewer, "Server-Sent Events: metrics, alert, recommendation, job", s.serveEvents)
	events.Path = base + events.Path
	return []Route{
		on(get("/recommendations"), Viewer, "What is worth changing, most urgent first", s.recommendations),
		on(post("/recommendations/{id}/apply"), Admin, "Carry a recommendation out: none of this version can be", s.recommendationApply),
		on(post("/recommendations/{id}/dismiss"), Admin, "Hear no more of a recommendation, as it is now", s.recommendationDismiss),
		on(post("/recommendations/{id}/revert"), Admin, "Take a dismissal back", s.recommendationRevert),
		on(get("/alerts"), Viewer, "Alerts that are pending or firing", s.alerts),
		on(get("/alerts/rules"), Viewer, "Alert rules", s.alertRules),
		on(get("/status"), Viewer, "Health score with its causes, parts and background loops", s.status),
		on(get("/health"), Open, "Whether the parts are healthy", s.health),
		events,
		on(get("/jobs/{id}"), Viewer, "A job and its progress", s.job),

		on(get("/config"), Admin, "Settings in force with their origin; secrets are ***", s.settings),
		on(post("/config/reload"), Admin, "Read the configuration again: all of it or nothing", s.reload),
		on(get("/session"), Viewer, "Who am I", s.whoAmI),
		on(post("/session"), Open, "Log in: a token for a cookie", s.logIn).with(notes),
		on(remove("/session"), Open, "Log out", s.logOut).with(notes),
		on(get("/tokens"), Admin, "Tokens, without their secrets", s.tokenList),
		on(post("/tokens"), Admin, "Make a token; its secret is shown this once", s.tokenCreate).creating(),
		on(remove("/tokens/{id}"), Admin, "Revoke a token, at once", s.tokenRevoke),
		on(get("/audit"), Admin, "The newest audit records", s.auditRecent),
	}
}

// tableOutside is what has its place and shape from elsewhere.
func (s *Server) tableOutside() []Route {
	prom := promhttp.HandlerFor(s.parts.Registry,
		promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})
	query := s.promAPI()
	routes := []Route{
		serve(get("/metrics"), Viewer, "Every instrument, as Prometheus text", prom.ServeHTTP),
		serve(get("/healthz"), Open, "200 while the process lives", s.healthz),
		serve(get("/readyz"), Open, "200 while requests can be served, else 503 with the reason", s.readyz),
		// Exporters send every few seconds: that is not for the audit log.
		serve(post("/v1/traces"), Operator, "Spans by OTLP, in protobuf or JSON", s.tracesIn).with(reads),
		serve(get("/openapi.json"), Open, "This document", s.serveDocument),
	}
	for _, file := range docFiles() {
		routes = append(routes, serve(get(file.path), Open, file.summary, file.serve))
	}
	for _, path := range []string{"query", "query_range", "labels", "series", "format_query", "query_exemplars"} {
		routes = append(routes,
			serve(get("/api/v1/"+path), Viewer, "Prometheus "+path, query),
			// Grafana sends long queries as forms. They only read.
			serve(post("/api/v1/"+path), Viewer, "Prometheus "+path+", as a form", query).with(reads))
	}
	return append(routes,
		serve(get("/api/v1/label/{name}/values"), Viewer, "Prometheus label values", query),
		serve(get("/api/v1/metadata"), Viewer, "Prometheus metadata", query),
		serve(get("/api/v1/rules"), Viewer, "Prometheus rules: none, see "+base+"/alerts/rules", query),
		serve(get("/api/v1/alerts"), Viewer, "Prometheus alerts: none, see "+base+"/alerts", query),
		serve(get("/api/v1/status/buildinfo"), Viewer, "Prometheus build information", query))
}

// serveDocument is /openapi.json. It is open: it tells what can be asked, not answers.
func (s *Server) serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.document) // a client that is gone needs no answer
}
