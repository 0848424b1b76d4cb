package metrics

import (
	"math"
	"strconv"
	"sync"

	dto "github.com/prometheus/client_model/go"
)

// sample is one value of one series, before the series has a name in the database.
type sample struct {
	name, suffix          string
	labels                []*dto.LabelPair
	extraName, extraValue string
	value                 float64
}

// appendKey appends what tells the sample's series from all others.
func (s sample) appendKey(key []byte) []byte {
	key = append(append(key, s.name...), s.suffix...)
	for _, p := range s.labels {
		key = append(append(key, 0xff), p.GetName()...)
		key = append(append(key, 0xff), p.GetValue()...)
	}
	if s.extraName != "" {
		key = append(append(key, 0xff), s.extraName...)
		key = append(append(key, 0xff), s.extraValue...)
	}
	return key
}

// metric stores all samples of one metric.
func (w *writer) metric(f *dto.MetricFamily, m *dto.Metric) error {
	one := sample{name: f.GetName(), labels: m.GetLabel()}
	switch {
	case m.GetCounter() != nil:
		one.value = m.GetCounter().GetValue()
	case m.GetGauge() != nil:
		one.value = m.GetGauge().GetValue()
	case m.GetUntyped() != nil:
		one.value = m.GetUntyped().GetValue()
	case m.GetSummary() != nil:
		return w.summary(one, m.GetSummary())
	case m.GetHistogram() != nil:
		return w.histogram(one, m.GetHistogram())
	default:
		return nil
	}
	return w.add(one)
}

func (w *writer) summary(one sample, s *dto.Summary) error {
	for _, q := range s.GetQuantile() {
		quantile := one
		quantile.extraName, quantile.extraValue = "quantile", formatBound(q.GetQuantile())
		quantile.value = q.GetValue()
		if err := w.add(quantile); err != nil {
			return err
		}
	}
	return w.sumAndCount(one, s.GetSampleSum(), float64(s.GetSampleCount()))
}

func (w *writer) histogram(one sample, h *dto.Histogram) error {
	count := h.GetSampleCountFloat()
	if count == 0 {
		count = float64(h.GetSampleCount())
	}
	bucket := one
	bucket.suffix, bucket.extraName = "_bucket", "le"
	hasInf := false
	for _, b := range h.GetBucket() {
		bucket.extraValue = formatBound(b.GetUpperBound())
		hasInf = hasInf || math.IsInf(b.GetUpperBound(), 1)
		bucket.value = b.GetCumulativeCountFloat()
		if bucket.value == 0 {
			bucket.value = float64(b.GetCumulativeCount())
		}
		if err := w.add(bucket); err != nil {
			return err
		}
	}
	if !hasInf {
		bucket.extraValue, bucket.value = "+Inf", count
		if err := w.add(bucket); err != nil {
			return err
		}
	}
	return w.sumAndCount(one, h.GetSampleSum(), count)
}

func (w *writer) sumAndCount(one sample, sum, count float64) error {
	one.suffix, one.value = "_sum", sum
	if err := w.add(one); err != nil {
		return err
	}
	one.suffix, one.value = "_count", count
	return w.add(one)
}

// formatBound writes a bound as Prometheus does: 1.0, 0.25, +Inf.
func formatBound(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	for _, c := range s {
		if c == '.' || c == 'e' || c == 'N' || c == 'I' {
			return s
		}
	}
	return s + ".0"
}

func countSamples(families []*dto.MetricFamily) int {
	n := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch {
			case m.GetHistogram() != nil:
				n += len(m.GetHistogram().GetBucket()) + 3
			case m.GetSummary() != nil:
				n += len(m.GetSummary().GetQuantile()) + 2
			default:
				n++
			}
		}
	}
	return n
}

// metadata is what the families last said of themselves.
type metadata struct {
	mu     sync.Mutex // guards byName
	byName map[string]familyInfo
}

type familyInfo struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

func (m *metadata) note(f *dto.MetricFamily, most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName == nil {
		m.byName = map[string]familyInfo{}
	}
	if _, known := m.byName[f.GetName()]; !known && len(m.byName) >= most {
		return
	}
	kind := map[dto.MetricType]string{
		dto.MetricType_COUNTER: "counter", dto.MetricType_GAUGE: "gauge", dto.MetricType_SUMMARY: "summary",
		dto.MetricType_HISTOGRAM: "histogram", dto.MetricType_GAUGE_HISTOGRAM: "gaugehistogram",
	}[f.GetType()]
	if kind == "" {
		kind = "unknown"
	}
	m.byName[f.GetName()] = familyInfo{Type: kind, Help: f.GetHelp(), Unit: f.GetUnit()}
}

// list returns what is known of one family, or of the first ones by name; zero means all.
func (m *metadata) list(name string, limit int) map[string][]familyInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]familyInfo{}
	for _, key := range sortedKeys(m.byName) {
		if name != "" && key != name {
			continue
		}
		if limit > 0 && len(out) >= limit {
			break
		}
		out[key] = []familyInfo{m.byName[key]}
	}
	return out
}
