package api

import (
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/postgres"
)

func TestBalancerView(t *testing.T) {
	k := newKit(t, realParts(t))
	v := dataOf[BalancerStats](t, k.ask(Viewer, "GET", base+"/load-balancer/stats", ""))
	if !v.Enabled || v.Strategy != "round_robin" || v.TotalServers != 2 || len(v.Servers) != 2 || len(v.Strategies) != 6 {
		t.Errorf("%+v", v)
	}
	if s := v.Stats; s.TotalRequests != 10 || s.SuccessfulRequests != 5 || s.FailedRequests != 5 || s.SuccessRate != 50 {
		t.Errorf("totals %+v", s)
	}
	if v.ServerDistribution["good"] != 5 || v.ServerDistribution["bad"] != 5 {
		t.Errorf("distribution %v", v.ServerDistribution)
	}
	if good, bad := v.Servers["good"], v.Servers["bad"]; good.ErrorRate != 0 || bad.ErrorRate != 100 || good.AvgResponseTime <= 0 || good.AvgResponseTime > 1e5 {
		t.Errorf("good %+v, bad %+v", good, bad)
	}

	// A server is added, changed, put to rest and removed.
	const path = base + "/load-balancer/servers"
	w := k.ask(Admin, "POST", path, `{"id":"new","host":"::1","port":9000,"weight":2,"max_connections":7,"status":"maintenance"}`)
	if w.Header().Get("Location") != path+"/new" {
		t.Errorf("location %q", w.Header().Get("Location"))
	}
	if s := dataOf[BackendServer](t, w); s.URL != "http://[::1]:9000" || s.Weight != 2 || s.MaxConnections != 7 || s.Status != "maintenance" {
		t.Errorf("added %+v", s)
	}
	if s := dataOf[BackendServer](t, k.ask(Admin, "PATCH", path+"/new", `{"weight":5,"status":"healthy"}`)); s.Weight != 5 || s.Status == "maintenance" {
		t.Errorf("changed %+v", s)
	}
	if left := dataOf[[]BackendServer](t, k.ask(Admin, "DELETE", path+"/new", "")); len(left) != 2 {
		t.Errorf("left %+v", left)
	}
	p := problemOf(t, k.ask(Operator, "PUT", base+"/load-balancer/strategy", `{"strategy":"least_conections"}`))
	if p.Hint != "did you mean least_connections?" {
		t.Errorf("%+v", p)
	}
	choice := dataOf[StrategyChoice](t, k.ask(Operator, "POST", base+"/load-balancer/optimize", ""))
	if choice.NewStrategy != "round_robin" || choice.Evaluated == nil || len(choice.Evaluated) != 0 ||
		!strings.Contains(choice.Message, "cannot tell") {
		t.Errorf("an invented choice: %+v", choice)
	}
}

// TestOffIsTheSameShape holds zeros and "enabled": false against a nil part.
func TestOffIsTheSameShape(t *testing.T) {
	k := newKit(t, Parts{})
	for path, want := range map[string]string{
		"/cache/stats":         `{"success":true,"data":{"enabled":false,"hit_rate":0,`,
		"/gateway/stats":       `{"success":true,"data":{"enabled":false,"requests":0,`,
		"/gateway/llm":         `{"success":true,"data":{"enabled":false,"prices":{"date":"",`,
		"/database/stats":      `{"success":true,"data":{"enabled":false,"connected":false,`,
		"/memory/stats":        `{"success":true,"data":{"enabled":false,"system_memory":{"total_gb":0,`,
		"/load-balancer/stats": `{"success":true,"data":{"enabled":false,"strategy":"",`,
		"/profiler/summary":    `{"success":true,"data":{"enabled":false,`,
		"/metrics/current":     `{"success":true,"data":{"enabled":false,`,
		"/metrics":             `{"success":true,"data":[],"metadata":{"enabled":false,`,
		"/alerts":              `{"success":true,"data":[]}`,
	} {
		if got := k.ask(Viewer, "GET", base+path, "").Body.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	v := dataOf[BalancerStats](t, k.ask(Viewer, "GET", base+"/load-balancer/stats", ""))
	if v.Stats.SuccessRate != 100 {
		t.Errorf("success rate without requests %v", v.Stats.SuccessRate)
	}
}

func TestProfilerView(t *testing.T) {
	k := newKit(t, realParts(t))
	f := dataOf[map[string]any](t, k.ask(Viewer, "GET", base+"/profiler/functions/GET%20%2Fchat", ""))
	if f["name"] != "GET /chat" || f["calls"] != 2.0 || f["errors"] != 1.0 {
		t.Errorf("%v", f)
	}
	p := problemOf(t, k.ask(Viewer, "GET", base+"/profiler/functions/GET%20%2Fchta", ""))
	if p.Hint != "did you mean GET /chat?" {
		t.Errorf("%+v", p)
	}
	k.ask(Operator, "PUT", base+"/profiler", `{"enabled":false,"threshold_seconds":1.5}`)
	if k.parts.Profiler.Enabled() || k.parts.Profiler.Threshold() != 1500*time.Millisecond {
		t.Error("the profiler was not changed")
	}
	if n := dataOf[Removed](t, k.ask(Operator, "DELETE", base+"/profiler/functions", "")); n.Functions != 1 {
		t.Errorf("%+v", n)
	}
}

func TestMemoryView(t *testing.T) {
	k := newKit(t, realParts(t))
	v := dataOf[MemoryStats](t, k.ask(Viewer, "GET", base+"/memory/stats", ""))
	if !v.Enabled || v.SystemMemory.TotalGB <= 0 || v.SystemMemory.TotalGB > 1e5 || v.ProcessMemory.RSSMB <= 0 ||
		v.SystemMemory.UsedPercent <= 0 || v.SystemMemory.UsedPercent > 100 || v.MemoryPools["small"].MaxSize != 1000 {
		t.Errorf("%+v", v)
	}
	if v.RSS.TotalBytes <= 0 || v.RSS.Reason == "" || len(v.TopSites) == 0 || v.TopSites[0].Site == "" ||
		v.Tuner.Enabled || v.Tuner.State != "off" || v.LeakDetection || v.LeakSearch.ProfileRateBytes <= 0 {
		t.Errorf("rss %+v, sites %+v, tuner %+v, leaks %+v", v.RSS, v.TopSites, v.Tuner, v.LeakSearch)
	}
	gc := dataOf[Collection](t, k.ask(Operator, "POST", base+"/memory/gc", ""))
	if gc.HeapAfterMB <= 0 || gc.DurationMS <= 0 || math.Abs(gc.HeapBeforeMB-gc.HeapAfterMB-gc.FreedMB) > 1e-6 && gc.FreedMB != 0 {
		t.Errorf("%+v", gc)
	}
}

func TestStepsKeepPointsFew(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, hours := range []float64{0.01, 0.5, 1, 24, 24 * 7, 24 * 30, 8784} {
		for _, step := range []float64{0, 1, 10, 3600} {
			in := metricsInput{Hours: hours, Step: step}
			start, end, d, p := in.span(now)
			if p != nil {
				t.Fatalf("%+v: %v", in, p)
			}
			points := int(end.Sub(start)/d) + 1
			if points > maxPoints || d <= 0 {
				t.Errorf("%v h by %v s: %d points of %v", hours, step, points, d)
			}
			if step > 0 && d < time.Duration(step)*time.Second {
				t.Errorf("%v h by %v s: step %v", hours, step, d)
			}
		}
	}
	if _, _, d, _ := (&metricsInput{}).span(now); d != time.Minute {
		t.Errorf("a day by %v, want a minute", d)
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"short": "short", strings.Repeat("ä", 200): strings.Repeat("ä", 200), strings.Repeat("ä", 201): strings.Repeat("ä", 200) + "…",
		"\xff": "?",
	} {
		if got := shorten(in, 200); got != want {
			t.Errorf("%.10q: %q", in, got)
		}
	}
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"": false, "respond-async": true, "wait=3, respond-async": true, "Respond-Async; x=1": true, "respond-asynchronously": false,
	} {
		if got := prefersAsync(in); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// TestUnits holds the units of SPEC section 2 where a part counts in others.
func TestUnits(t *testing.T) {
	t.Parallel()
	c := cacheView(cache.Stats{
		HitRatio: 0.75, MissRatio: 0.25, Requests: 8, Hits: 6, Misses: 2, Bytes: 1000, MaxBytes: 4000, MemoryUsageRatio: 0.25,
		MeanAccessSeconds: 0.002, TimeSaved: 3, MoneySaved: 0.5, StaleHits: 1, StaleOnErrors: 2, Refreshes: 3, RefreshErrors: 4, NegativeHits: 5, NegativeEntries: 6,
		Caches: map[string]cache.NamedStats{"responses": {
			HitRatio: 0.5, TimeSaved: 3, MoneySaved: 0.5, Policy: "worth", StaleHits: 1, StaleOnErrors: 2, Refreshes: 3, RefreshErrors: 4, NegativeHits: 5, NegativeEntries: 6,
		}},
	})
	for _, f := range []CacheFigures{c.CacheFigures, c.Caches["responses"].CacheFigures} {
		if f.StaleHits != 1 || f.StaleOnErrors != 2 || f.Refreshes != 3 || f.RefreshErrors != 4 ||
			f.NegativeHits != 5 || f.NegativeEntries != 6 {
			t.Errorf("freshness %+v", f)
		}
	}
	if c.HitRate != 0.75 || c.MissRate != 0.25 || c.CacheSize != 1000 || c.MemoryUsagePercent != 25 ||
		c.AverageAccessTime != 0.002 || c.Caches["responses"].HitRate != 0.5 || !c.Enabled {
		t.Errorf("cache %+v", c)
	}
	if f := c.Caches["responses"]; c.TimeSaved != 3 || c.MoneySaved != 0.5 || f.TimeSaved != 3 || f.MoneySaved != 0.5 ||
		f.Policy != "worth" {
		t.Errorf("savings of the cache %+v", c)
	}
	var d postgres.Stats
	d.Connected, d.SlowQueries, d.IndexRecommendations = true, 3, 2
	d.Pool.Max, d.Pool.CheckedOut, d.Pool.Idle, d.Pool.MeanAcquireSeconds = 20, 5, 4, 0.01
	d.Queries.Total, d.Queries.MeanSeconds, d.Queries.MaxSeconds = 100, 0.25, 2
	v := databaseView(d)
	if v.AvgQueryTime != 250 || v.ConnectionPoolUsage != 25 || v.SlowQueriesCount != 3 || v.IndexRecommendations != 2 ||
		v.ConnectionPool.CheckedIn != 4 || v.ConnectionPool.AvgConnectionTime != 0.01 || v.QueryPerformance.AvgExecutionTime != 0.25 ||
		v.QueryPerformance.MaxExecutionTime != 2 || v.ConnectionPool.PoolSize != 20 {
		t.Errorf("database %+v", v)
	}
	q := slowQueryView(postgres.SlowQuery{Query: strings.Repeat("x", 300), MaxSeconds: 2, MeanSeconds: 1, TotalSeconds: 9, Calls: 9})
	if len([]rune(q.QueryText)) != 201 || q.ExecutionTime != 2 || q.MeanTime != 1 || q.TotalTime != 9 || q.Calls != 9 {
		t.Errorf("slow query %+v", q)
	}
}

// TestDatabaseAway holds that a database that is configured and away is 503, with a time
// to come again, and that its statistics go on.
func TestDatabaseAway(t *testing.T) {
	db, err := postgres.New(postgres.Config{URL: "postgres://user:top-secret@127.0.0.1:1/none"}, slog.New(slog.DiscardHandler))
	must(t, err)
	k := newKit(t, Parts{Postgres: db})
	for path, body := range map[string]string{
		"/database/analyze": `{"query":"select 1"}`, "/database/vacuum": `{"tables":[]}`, "/database/optimize": "",
	} {
		w := k.ask(Admin, "POST", base+path, body)
		if p := problemOf(t, w); p.Status != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || p.Hint == "" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	w := k.ask(Viewer, "GET", base+"/database/stats", "")
	if v := dataOf[DatabaseStats](t, w); !v.Enabled || v.Connected || strings.Contains(w.Body.String(), "top-secret") {
		t.Errorf("%s", w.Body)
	}
	if w := k.ask(Viewer, "GET", base+"/database/slow-queries", ""); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHealthNamesNoCauses(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{Snapshot: func() advisor.Snapshot {
		return advisor.Snapshot{Database: &postgres.Stats{LastError: "the reason"}, Monitoring: true}
	}})
	w := k.ask(0, "GET", base+"/health", "")
	h := dataOf[HealthReport](t, w)
	if h.OverallHealth != "degraded" || h.Components.Database != "unhealthy" || h.Components.Cache != "disabled" ||
		strings.Contains(w.Body.String(), "reason") || h.Timestamp.IsZero() {
		t.Errorf("%s", w.Body)
	}
	s := dataOf[SystemStatus](t, k.ask(Viewer, "GET", base+"/status", ""))
	if s.Status != "poor" || s.HealthScore != 0 || !s.MonitoringActive || len(s.Causes) != 1 || s.Components.Database.LastError != "the reason" {
		t.Errorf("%+v", s)
	}
	r := dataOf[Recommendations](t, k.ask(Viewer, "GET", base+"/recommendations", ""))
	if r.TotalCount != len(r.Recommendations) || r.TotalCount != r.CriticalCount+r.HighCount+r.MediumCount+r.LowCount {
		t.Errorf("%+v", r)
	}
}

func TestMetricsView(t *testing.T) {
	k := newKit(t, realParts(t))
	w := k.ask(Viewer, "GET", base+"/metrics?hours=1&step=60", "")
	points := dataOf[[]Point](t, w)
	if len(points) < 50 || !strings.Contains(w.Body.String(), `"step_seconds":60`) {
		t.Fatalf("%d points, %s", len(points), w.Body)
	}
	p := points[len(points)/2]
	if p.CPUUsage != 25 || p.MemoryUsage != 50 || p.Timestamp.IsZero() {
		t.Errorf("%+v", p)
	}
	c := dataOf[CurrentPoint](t, k.ask(Viewer, "GET", base+"/metrics/current", ""))
	if !c.Enabled || c.CPUUsage != 25 || c.MemoryUsage != 50 {
		t.Errorf("%+v", c)
	}
	q := k.ask(0, "POST", "/api/v1/query", "query=upshift_system_cpu_usage_ratio",
		withHeader("Content-Type", "application/x-www-form-urlencoded"), withHeader("Authorization", "Bearer "+k.secrets[Viewer]))
	if q.Code != http.StatusOK || !strings.Contains(q.Body.String(), `"resultType":"vector"`) || !strings.Contains(q.Body.String(), `"0.25"`) {
		t.Errorf("%d %s", q.Code, q.Body)
	}
}
