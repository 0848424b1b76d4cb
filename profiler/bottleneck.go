package profiler

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// DefaultPercentile is where a bottleneck's slow calls begin unless told otherwise.
const DefaultPercentile = 95

// Figures that a recommendation needs before it speaks.
const (
	minCallsForAdvice = 20
	minCallsForTail   = 100
	errorRatioAdvice  = 0.05
	tailFactorAdvice  = 10
	childShareAdvice  = 0.8
	slowdownAdvice    = 2
	cheapCall         = time.Millisecond
	manyCalls         = 10_000
)

// Bottlenecks returns the functions that were called, the one whose slow calls cost most
// first: those at or above the percentile (0 to 100; 95 if it is neither), their number
// times their mean duration. Functions that took less than the threshold even at the
// percentile are listed too, but get no advice about their speed.
func (p *Profiler) Bottlenecks(percentile float64) []Bottleneck {
	if p == nil {
		return []Bottleneck{}
	}
	if math.IsNaN(percentile) || percentile <= 0 || percentile > 100 {
		percentile = DefaultPercentile
	}
	out := []Bottleneck{}
	for _, fn := range p.sorted() {
		if b, ok := fn.bottleneck(p, percentile); ok {
			out = append(out, b)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].ImpactSeconds > out[j].ImpactSeconds })
	return out
}

func (fn *function) bottleneck(p *Profiler, percentile float64) (Bottleneck, bool) {
	s, c := fn.read(p)
	if c.total == 0 {
		return Bottleneck{}, false
	}
	s.Exemplars, s.RecentErrors = fn.exemplars()
	q := percentile / 100
	n, sum := c.tail(q)
	all := float64(s.Calls) / float64(c.total) // calls for each timed one
	b := Bottleneck{
		FunctionStats:     s,
		Percentile:        percentile,
		PercentileSeconds: within(c.quantile(q)/1e9, s.MinSeconds, s.MaxSeconds),
		SlowCalls:         uint64(math.Round(float64(n) * all)),
		SlowMeanSeconds:   within(sum/1e9/float64(n), s.MinSeconds, s.MaxSeconds),
	}
	b.ImpactSeconds = b.SlowMeanSeconds * float64(n) * all
	b.Recommendations = b.advise(p.Threshold())
	return b, true
}

// advise returns what the figures of b support, each sentence with those figures.
func (b *Bottleneck) advise(threshold time.Duration) []string {
	advice := []string{}
	if b.Calls < minCallsForAdvice {
		return advice
	}
	if ratio := float64(b.Errors) / float64(b.Calls); ratio >= errorRatioAdvice {
		advice = append(advice, b.errorAdvice(ratio))
	}
	if b.TotalSeconds >= 1 && b.Calls >= manyCalls && b.P50Seconds < cheapCall.Seconds() {
		advice = append(advice, fmt.Sprintf(
			"%d calls of %s at the median add up to %s: batch them, cache the result, or make fewer.",
			b.Calls, human(b.P50Seconds), human(b.TotalSeconds)))
	}
	if b.PercentileSeconds < threshold.Seconds() {
		return advice
	}
	return append(advice, b.slowAdvice(threshold)...)
}

func (b *Bottleneck) errorAdvice(ratio float64) string {
	text := fmt.Sprintf("%.1f %% of %d calls failed", ratio*100, b.Calls)
	if len(b.RecentErrors) > 0 {
		text += fmt.Sprintf(", the last with %q", b.RecentErrors[0].Error)
	}
	return text + ": mend the cause before the speed; failed calls are paid for twice when retried."
}

func (b *Bottleneck) slowAdvice(threshold time.Duration) []string {
	var advice []string
	nested := 0.0
	if b.TotalSeconds > 0 {
		nested = 1 - b.SelfSeconds/b.TotalSeconds
	}
	if nested >= childShareAdvice {
		advice = append(advice, fmt.Sprintf(
			"%.0f %% of its %s is spent in nested calls: look at those first.", nested*100, human(b.TotalSeconds)))
	}
	switch tail := b.P99Seconds / b.P50Seconds; {
	case b.P50Seconds > 0 && tail >= tailFactorAdvice && b.Calls >= minCallsForTail:
		advice = append(advice, fmt.Sprintf(
			"p99 of %s is %.0f times the median of %s: a few calls are slow, not all; "+
				"compare the labels of the %d kept calls, and set a deadline or hedge.",
			human(b.P99Seconds), tail, human(b.P50Seconds), len(b.Exemplars)))
	case b.P50Seconds >= threshold.Seconds() && nested < childShareAdvice:
		advice = append(advice, fmt.Sprintf(
			"the median call takes %s, over the threshold of %v, and %s of the total %s is its own: "+
				"the work itself is slow; capture a CPU and a wall profile, or cache it.",
			human(b.P50Seconds), threshold, human(b.SelfSeconds), human(b.TotalSeconds)))
	}
	if b.Recent.Calls >= minCallsForAdvice && b.Recent.P50Seconds >= slowdownAdvice*b.P50Seconds {
		advice = append(advice, fmt.Sprintf(
			"the median of the last %.0f s is %s, against %s overall: it became slower; see what changed.",
			b.Recent.SpanSeconds, human(b.Recent.P50Seconds), human(b.P50Seconds)))
	}
	return advice
}

// human writes seconds with three significant digits and a fitting unit.
func human(s float64) string {
	d := time.Duration(s * 1e9)
	for unit := time.Duration(1); unit < 1_000_000_000_000; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Second).String()
}
