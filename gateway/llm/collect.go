package llm

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The bounds of histograms are powers of two of nanoseconds: of the time to the first token from
// 8 ms to 137 s, of the gap between tokens from 0.5 ms to 17 s.
const (
	firstTokenFrom, firstTokenBounds = 23, 15
	gapFrom, gapBounds               = 19, 16
)

// metric is one that each name of a dimension has.
type metric struct {
	desc  *prometheus.Desc
	value func(*figures) float64
}

// byName are the metrics of a dimension. They are alike for models, agents and tenants.
type byName struct {
	dimension func(*Ledger) *dimension
	counters  []metric
	tokens    *prometheus.Desc
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_llm_"+name, help, labels, nil)
}

func counter(name, help, label string, value func(*figures) float64) metric {
	return metric{describe(name, help, label), value}
}

func descriptions() []byName {
	return []byName{
		{
			func(l *Ledger) *dimension { return &l.models },
			[]metric{
				counter("requests_total", "Calls of language models, those answered from the cache included.", "model",
					func(f *figures) float64 { return float64(f.requests.Load()) }),
				counter("cached_requests_total", "Calls answered from the cache.", "model",
					func(f *figures) float64 { return float64(f.cached.Load()) }),
				counter("errors_total", "Calls that failed or were refused by the server.", "model",
					func(f *figures) float64 { return float64(f.errors.Load()) }),
				counter("unmetered_requests_total", "Answers that did not say what they used.", "model",
					func(f *figures) float64 { return float64(f.unmetered.Load()) }),
				counter("unpriced_requests_total", "Answers whose cost is not known.", "model",
					func(f *figures) float64 { return float64(f.unpriced.Load()) }),
				counter("cost_dollars_total", "Cost of what could be priced.", "model",
					func(f *figures) float64 { return f.cost.value() }),
				counter("clients_gone_total", "Calls cancelled because their client left.", "model",
					func(f *figures) float64 { return float64(f.gone.Load()) }),
				counter("saved_tokens_estimate_total", "Estimate of the tokens not made because the client had left.", "model",
					func(f *figures) float64 { return float64(f.saved.Load()) }),
			},
			describe("tokens_total", "Tokens as servers count them; cached_input and cache_write are parts of input, reasoning of output.",
				"model", "kind"),
		},
		{
			func(l *Ledger) *dimension { return &l.agents },
			[]metric{
				counter("agent_requests_total", "Calls of language models by agent.", "agent",
					func(f *figures) float64 { return float64(f.requests.Load()) }),
				counter("agent_cost_dollars_total", "Cost of what could be priced, by agent.", "agent",
					func(f *figures) float64 { return f.cost.value() }),
			},
			describe("agent_tokens_total", "Tokens by agent, as upshift_llm_tokens_total.", "agent", "kind"),
		},
		{
			func(l *Ledger) *dimension { return &l.tenants },
			[]metric{
				counter("tenant_requests_total", "Calls of language models by tenant.", "tenant",
					func(f *figures) float64 { return float64(f.requests.Load()) }),
				counter("tenant_cost_dollars_total", "Cost of what could be priced, by tenant.", "tenant",
					func(f *figures) float64 { return f.cost.value() }),
			},
			describe("tenant_tokens_total", "Tokens by tenant, as upshift_llm_tokens_total.", "tenant", "kind"),
		},
	}
}

func firstTokenDesc() *prometheus.Desc {
	return describe("first_token_seconds", "Time from the request to the first token of streams.", "model")
}

func gapDesc() *prometheus.Desc {
	return describe("token_gap_seconds", "Time from one token of a stream to the next.")
}

// Describe implements [prometheus.Collector].
func (l *Ledger) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descriptions() {
		for _, m := range d.counters {
			ch <- m.desc
		}
		ch <- d.tokens
	}
	ch <- firstTokenDesc()
	ch <- gapDesc()
}

// Collect implements [prometheus.Collector]. The values of labels are bounded.
func (l *Ledger) Collect(ch chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v, labels...)
	}
	for _, d := range descriptions() {
		for name, f := range *d.dimension(l).known.Load() {
			for _, m := range d.counters {
				send(m.desc, m.value(f), name)
			}
			u := f.tokens()
			for kind, n := range map[string]int64{
				"input": u.Input, "cached_input": u.CachedInput, "cache_write": u.CacheWrite,
				"output": u.Output, "reasoning": u.Reasoning,
			} {
				send(d.tokens, float64(n), name, kind)
			}
		}
	}
	first := firstTokenDesc()
	for name, f := range *l.models.known.Load() {
		ch <- seconds(first, &f.first, firstTokenFrom, firstTokenBounds, name)
	}
	ch <- seconds(gapDesc(), &l.total.gap, gapFrom, gapBounds)
}

// seconds is a distribution of nanoseconds as a histogram.
func seconds(desc *prometheus.Desc, d *distribution, from, n int, labels ...string) prometheus.Metric {
	count, sum, upTo := d.cumulative(from, n)
	buckets := make(map[float64]uint64, n)
	for i, c := range upTo {
		buckets[time.Duration(1<<(from+i)).Seconds()] = c
	}
	return prometheus.MustNewConstHistogram(desc, count, time.Duration(sum).Seconds(), buckets, labels...)
}

var _ prometheus.Collector = (*Ledger)(nil)
