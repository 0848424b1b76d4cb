package postgres

import (
	"github.com/prometheus/client_golang/prometheus"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_postgres_"+name, help, labels, nil)
}

// Descriptions of the metrics; they never change.
var (
	descConnected   = desc("connected", "Whether the last reading reached the server (1) or not (0).")
	descPolls       = desc("polls_total", "Readings of the server's statistics.")
	descFailedPolls = desc("failed_polls_total", "Readings that did not reach the server.")
	descSlow        = desc("slow_statements", "Distinct statements above the threshold.")
	descThreshold   = desc("slow_threshold_seconds", "Time above which a statement is slow.")
	descStatements  = desc("statements", "Distinct statements known.")
	descQueries     = desc("queries_total", "Statements run.", "source")
	descSeconds     = desc("query_seconds_total", "Time spent in statements.", "source")
	descOver1s      = desc("queries_over_1s_total", "Statements that took more than a second; the server's is the least number.", "source")
	descClient      = desc("client_query_duration_seconds", "Duration of the program's own statements.")
	descClientFail  = desc("client_query_errors_total", "The program's own statements that failed.")
	descPoolMax     = desc("pool_max_connections", "Most connections that the pool opens.")
	descPoolConns   = desc("pool_connections", "Connections of the pool.", "state")
	descPoolPeak    = desc("pool_peak_connections", "Most connections that were out at once.")
	descAcquires    = desc("pool_acquires_total", "Times a connection was taken.")
	descAcquireTime = desc("pool_acquire_seconds_total", "Time spent on taking connections.")
	descWaits       = desc("pool_waits_total", "Times that none was idle.")
	descWaitTime    = desc("pool_wait_seconds_total", "Time spent waiting for one; its rate is the mean length of the queue.")
	descPoolErrors  = desc("pool_errors_total", "Connections that could not be made.")
)

// Describe implements prometheus.Collector.
func (m *Monitor) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descConnected, descPolls, descFailedPolls, descSlow, descThreshold, descStatements, descQueries, descSeconds,
		descOver1s, descClient, descClientFail, descPoolMax, descPoolConns, descPoolPeak, descAcquires, descAcquireTime,
		descWaits, descWaitTime, descPoolErrors,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Counters of a source appear once it has
// counted, so that what a server had counted before does not look like a burst.
func (m *Monitor) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	s := m.Stats()
	connected := 0.0
	if s.Connected {
		connected = 1
	}
	gauge(descConnected, connected)
	counter(descPolls, float64(m.polls.Load()))
	counter(descFailedPolls, float64(m.failedPolls.Load()))
	gauge(descSlow, float64(s.SlowQueries))
	gauge(descThreshold, m.cfg.SlowQueryThreshold.Seconds())
	gauge(descStatements, float64(s.Queries.Statements))
	sources := []QueryStats{m.tracer.Stats()}
	if s.Queries.Source == SourceServer {
		sources = append(sources, s.Queries)
	}
	for _, q := range sources {
		if q.Total > 0 {
			counter(descQueries, float64(q.Total), q.Source)
			counter(descSeconds, q.TotalSeconds, q.Source)
			counter(descOver1s, float64(q.Over1s), q.Source)
		}
	}
	m.tracer.collect(ch)
	p := s.Pool
	gauge(descPoolMax, float64(p.Max))
	gauge(descPoolConns, float64(p.CheckedOut), "in_use")
	gauge(descPoolConns, float64(p.Idle), "idle")
	gauge(descPoolConns, float64(max(0, p.Total-p.CheckedOut-p.Idle)), "connecting")
	gauge(descPoolPeak, float64(p.Peak))
	counter(descAcquires, float64(p.Acquires))
	counter(descAcquireTime, p.MeanAcquireSeconds*float64(p.Acquires))
	counter(descWaits, float64(p.Waits))
	counter(descWaitTime, p.WaitSeconds)
	counter(descPoolErrors, float64(p.Errors))
}

// collect sends the histogram of durations, once there is something in it.
func (t *Tracer) collect(ch chan<- prometheus.Metric) {
	var total uint64
	buckets := make(map[float64]uint64, durationBuckets)
	bound := firstBucket
	for i := range durationBuckets {
		total += t.buckets[i].Load()
		buckets[bound.Seconds()] = total
		bound *= 2
	}
	total += t.buckets[durationBuckets].Load()
	if total == 0 {
		return
	}
	seconds := float64(t.nanos.Load()) / 1e9
	ch <- prometheus.MustNewConstHistogram(descClient, total, seconds, buckets)
	ch <- prometheus.MustNewConstMetric(descClientFail, prometheus.CounterValue, float64(t.failed.Load()))
}
