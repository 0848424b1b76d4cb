package balancer

import "github.com/prometheus/client_golang/prometheus"

// The metrics of a pool. Those of a server carry its id as the label server.
func descriptions() map[string]*prometheus.Desc {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("upshift_balancer_"+name, help, labels, nil)
	}
	return map[string]*prometheus.Desc{
		"requests": desc("requests_total", "Attempts that began at the server.", "server"),
		"failures": desc("failures_total", "Attempts that failed at the server.", "server"),
		"cancels":  desc("cancellations_total", "Attempts that the caller gave up.", "server"),
		"active":   desc("active_requests", "Calls in flight at the server.", "server"),
		"healthy":  desc("server_healthy", "1 when the server takes calls as far as its own health goes.", "server"),
		"state":    desc("server_state", "1 for the state that the server is in.", "server", "state"),
		"ejected":  desc("ejections_total", "Times that failures in a row took the server out.", "server"),
		"score":    desc("load_score_ratio", "Published four-term load score, lower is better.", "server"),
		"load":     desc("reported_load_ratio", "Load that the server last reported.", "server"),
		"response": desc("response_seconds", "Response times of the last one to two minutes; sum and count since the start.", "server"),
		"retries":  desc("retries_total", "Further attempts of calls."),
		"denied":   desc("retries_denied_total", "Retries that the budget did not allow."),
		"hedges":   desc("hedges_total", "Requests sent to a second server as the first was late."),
		"won":      desc("hedges_won_total", "Requests that the second server answered."),
		"rejected": desc("rejected_total", "Calls that no server could take."),
		"cut":      desc("cut_total", "Calls cut at a drain timeout."),
		"found":    desc("discovered_servers", "Servers that the source found last.", "source"),
		"lookups":  desc("discovery_failures_total", "Look-ups of the source that changed nothing as they failed.", "source"),
		"panic":    desc("panic", "1 while health is ignored because too few servers are usable."),
	}
}

// Describe implements [prometheus.Collector].
func (p *Pool) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descriptions() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (p *Pool) Collect(ch chan<- prometheus.Metric) {
	d, st := descriptions(), p.Stats()
	count := func(desc string, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d[desc], prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(desc string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d[desc], prometheus.GaugeValue, v, labels...)
	}
	count("retries", st.Retries)
	count("denied", st.RetriesDenied)
	count("hedges", st.Hedges)
	count("won", st.HedgesWon)
	count("rejected", st.Rejected)
	count("cut", st.Cut)
	gauge("panic", one(st.Panic))
	for _, s := range st.Discovery {
		gauge("found", float64(s.Servers), s.Source)
		count("lookups", s.Failures, s.Source)
	}
	for id, s := range st.Servers {
		count("requests", s.Requests, id)
		count("failures", s.Failed, id)
		count("cancels", s.Cancelled, id)
		count("ejected", s.Ejections, id)
		gauge("active", float64(s.ActiveConnections), id)
		gauge("healthy", one(s.Status == StatusHealthy || s.Status == StatusDegraded), id)
		for _, state := range []string{StatusHealthy, StatusDegraded, StatusUnhealthy, StatusMaintenance} {
			gauge("state", one(s.Status == state), id, state)
		}
		gauge("score", s.LoadScore, id)
		gauge("load", s.LoadRatio, id)
		ch <- prometheus.MustNewConstSummary(d["response"], s.answered, s.totalSeconds,
			map[float64]float64{0.5: s.P50Seconds, 0.99: s.P99Seconds}, id)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
