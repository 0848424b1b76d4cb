package profiler

import "github.com/prometheus/client_golang/prometheus"

// Descriptions of the metrics; they never change.
var (
	descEnabled = prometheus.NewDesc("upshift_profiler_enabled",
		"Whether calls are being recorded (1) or not (0).", nil, nil)
	descThreshold = prometheus.NewDesc("upshift_profiler_threshold_seconds",
		"Duration from which a call is kept as an exemplar.", nil, nil)
	descFunctions = prometheus.NewDesc("upshift_profiler_functions",
		"Function names known.", nil, nil)
	descOverflowed = prometheus.NewDesc("upshift_profiler_overflowed_calls_total",
		"Calls counted under (other) because the bound on names was reached.", nil, nil)
	descOverhead = prometheus.NewDesc("upshift_profiler_overhead_ratio",
		"Share of one processor that recording calls takes.", nil, nil)
	descDuration = prometheus.NewDesc("upshift_profiler_call_duration_seconds",
		"Duration of calls; quantiles are of about the last minute.", []string{"function"}, nil)
	descErrors = prometheus.NewDesc("upshift_profiler_call_errors_total",
		"Calls that failed or panicked.", []string{"function"}, nil)
	descCPU = prometheus.NewDesc("upshift_profiler_call_cpu_seconds",
		"Processor time of a call without those inside it, where enough samples tell.", []string{"function"}, nil)
	descAlloc = prometheus.NewDesc("upshift_profiler_call_alloc_bytes",
		"Bytes that a call allocates without those inside it, where enough samples tell.", []string{"function"}, nil)
	descSelf = prometheus.NewDesc("upshift_profiler_self_seconds_total",
		"Time in calls without the time of nested calls.", []string{"function"}, nil)
)

// Describe implements prometheus.Collector, for a nil profiler too.
func (p *Profiler) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descEnabled, descThreshold, descFunctions, descOverflowed, descOverhead, descDuration, descErrors, descSelf, descCPU, descAlloc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. The label function has at most
// [Config.MaxFunctions] values and (other). A nil profiler has no metrics.
func (p *Profiler) Collect(ch chan<- prometheus.Metric) {
	if p == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	enabled := 0.0
	if p.Enabled() {
		enabled = 1
	}
	fns := p.sorted()
	s := p.Stats()
	gauge(descEnabled, enabled)
	gauge(descThreshold, s.ThresholdSeconds)
	gauge(descFunctions, float64(len(fns)))
	gauge(descOverhead, s.OverheadRatio)
	ch <- prometheus.MustNewConstMetric(descOverflowed, prometheus.CounterValue, float64(s.Overflowed))
	for _, fn := range fns {
		fn.collect(p, ch)
	}
}

func (fn *function) collect(p *Profiler, ch chan<- prometheus.Metric) {
	s, _ := fn.read(p)
	quantiles := map[float64]float64{}
	if s.Recent.Calls > 0 {
		quantiles[0.5] = s.Recent.P50Seconds
		quantiles[0.95] = s.Recent.P95Seconds
		quantiles[0.99] = s.Recent.P99Seconds
	}
	ch <- prometheus.MustNewConstSummary(descDuration, s.Calls, s.TotalSeconds, quantiles, s.Name)
	ch <- prometheus.MustNewConstMetric(descErrors, prometheus.CounterValue, float64(s.Errors), s.Name)
	ch <- prometheus.MustNewConstMetric(descSelf, prometheus.CounterValue, s.SelfSeconds, s.Name)
	if s.Cost.CPU.Known {
		ch <- prometheus.MustNewConstMetric(descCPU, prometheus.GaugeValue, s.Cost.CPU.PerCall, s.Name)
	}
	if s.Cost.Alloc.Known {
		ch <- prometheus.MustNewConstMetric(descAlloc, prometheus.GaugeValue, s.Cost.Alloc.PerCall, s.Name)
	}
}
