package capture

import "github.com/prometheus/client_golang/prometheus"

// Descriptions of the metrics; they never change.
var (
	descCaptures = prometheus.NewDesc("upshift_captures_total",
		"Captures of profiles that have ended, by outcome.", []string{"outcome"}, nil)
	descAutomatic = prometheus.NewDesc("upshift_captures_automatic_total",
		"Surges, by whether a capture was taken for them.", []string{"outcome"}, nil)
	descPending = prometheus.NewDesc("upshift_captures_pending",
		"Captures that run or wait.", []string{"state"}, nil)
	descKept  = prometheus.NewDesc("upshift_captures_kept", "Captures kept on disk.", nil, nil)
	descBytes = prometheus.NewDesc("upshift_captures_bytes", "Bytes of the captures kept on disk.", nil, nil)

	descAttributions = prometheus.NewDesc("upshift_profiler_attributions_total",
		"Measurements of what calls take of a processor and allocate, by outcome.", []string{"outcome"}, nil)
)

// Describe implements prometheus.Collector, for a nil recorder too.
func (r *Recorder) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descCaptures, descAutomatic, descPending, descKept, descBytes, descAttributions} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A nil recorder has no metrics.
func (r *Recorder) Collect(ch chan<- prometheus.Metric) {
	if r == nil {
		return
	}
	s := r.Stats()
	counter := func(d *prometheus.Desc, n uint64, outcome string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), outcome)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter(descCaptures, s.Taken, "taken")
	counter(descCaptures, s.Failed, "failed")
	counter(descCaptures, s.Evicted, "evicted")
	counter(descAutomatic, s.Automatic, "taken")
	counter(descAutomatic, s.RateLimited, "rate_limited")
	counter(descAutomatic, s.Suppressed, "suppressed")
	counter(descAttributions, s.Attributions-s.AttributionsFailed, "measured")
	counter(descAttributions, s.AttributionsFailed, "failed")
	gauge(descPending, float64(s.Running), "running")
	gauge(descPending, float64(s.Queued), "queued")
	gauge(descKept, float64(s.Kept))
	gauge(descBytes, float64(s.SizeBytes))
}
