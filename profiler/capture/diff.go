package capture

import (
	"cmp"
	"math"
	"slices"

	"github.com/google/pprof/profile"
)

// The verdicts of a [Diff], and of each function in it.
const (
	Grew      = "grew"
	Shrank    = "shrank"
	Same      = "same"
	TooFew    = "not enough samples"
	Different = "changed"
)

const (
	// leastSamples is how many samples each side needs for a verdict.
	leastSamples = 100
	// falseRate bounds the share of false ones among the functions said to have changed
	// (Benjamini and Hochberg 1995).
	falseRate = 0.01
	z95       = 1.959964
)

// Diff is what changed between two profiles of a kind.
type Diff struct {
	Sample string `json:"sample"`
	Unit   string `json:"unit"`
	// Measure is share where functions are compared by their share of the total, as spans of different
	// load must be, and value where by the value itself, as for the heap and goroutines.
	Measure string `json:"measure" enum:"share,value"`
	// Verdict is changed, same or not enough samples.
	Verdict string `json:"verdict" enum:"changed,same,not enough samples"`
	// BaseSamples and Samples are how many samples each side rests on: at least 100 for a verdict.
	BaseSamples int64 `json:"base_samples"`
	Samples     int64 `json:"samples"`
	BaseTotal   int64 `json:"base_total"`
	Total       int64 `json:"total"`
	// Functions are those with the greatest change, greatest first; Left is how many more there are.
	Functions []DiffFunction `json:"functions"`
	Left      int            `json:"left"`
}

// DiffFunction is what changed in one function, without what it calls.
type DiffFunction struct {
	Name string `json:"name"`
	// Base and Value are shares, 0 to 1, or values: see [Diff.Measure].
	Base  float64 `json:"base"`
	Value float64 `json:"value"`
	// Change is Value - Base; it is between Low and High with 95 % confidence.
	Change float64 `json:"change"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// P is how often chance alone would make such a change.
	P       float64 `json:"p"`
	Verdict string  `json:"verdict" enum:"grew,shrank,same,not enough samples"`
}

// Compare says what changed from base to p, which must measure the same. It keeps limit functions; zero
// or less means all. sample is one of p's; empty is its default. Of the functions said to have
// changed at most 1 in 100 are expected not to have, where samples are independent.
func Compare(base, p *profile.Profile, sample string, limit int) (Diff, error) {
	index, err := valueIndex(p, sample)
	if err != nil {
		return Diff{}, err
	}
	kind := p.SampleType[index]
	baseIndex, err := valueIndex(base, kind.Type)
	if err != nil || base.SampleType[baseIndex].Unit != kind.Unit {
		return Diff{}, &RequestError{"base", "must be a capture of the same kind: it has no " + kind.Type + " in " + kind.Unit}
	}
	d := Diff{Sample: kind.Type, Unit: kind.Unit, Measure: measureOf(kind.Type), Functions: []DiffFunction{}}
	from, to := weigh(base, baseIndex), weigh(p, index)
	d.BaseSamples, d.Samples = int64(math.Round(from.all.samples)), int64(math.Round(to.all.samples))
	d.BaseTotal, d.Total = int64(from.all.value), int64(to.all.value)
	names := map[string]struct{}{}
	for _, side := range []weights{from, to} {
		for name := range side.by {
			names[name] = struct{}{}
		}
	}
	for _, name := range sortedKeys(names) {
		d.Functions = append(d.Functions, change(name, from, to, d.Measure == "share"))
	}
	d.judge()
	slices.SortStableFunc(d.Functions, func(a, b DiffFunction) int {
		return cmp.Compare(math.Abs(b.Change), math.Abs(a.Change))
	})
	if limit > 0 && len(d.Functions) > limit {
		d.Left = len(d.Functions) - limit
		d.Functions = d.Functions[:limit]
	}
	return d, nil
}

// measureOf tells what is of an instant, and so comparable by value.
func measureOf(sample string) string {
	switch sample {
	case "inuse_space", "inuse_objects", "goroutine":
		return "value"
	}
	return "share"
}

// judge gives each function its verdict, and the whole.
func (d *Diff) judge() {
	enough := d.BaseSamples >= leastSamples && d.Samples >= leastSamples
	ps := make([]float64, len(d.Functions))
	for i, f := range d.Functions {
		ps[i] = f.P
	}
	bar := significant(ps)
	d.Verdict = Same
	for i := range d.Functions {
		f := &d.Functions[i]
		switch {
		case !enough:
			f.Verdict = TooFew
			continue
		case f.P > bar:
			f.Verdict = Same
			continue
		case f.Change > 0:
			f.Verdict = Grew
		default:
			f.Verdict = Shrank
		}
		d.Verdict = Different
	}
	if !enough {
		d.Verdict = TooFew
	}
}

// significant is the greatest p that counts, by Benjamini and Hochberg; -1 when none does.
func significant(ps []float64) float64 {
	sorted := slices.Sorted(slices.Values(ps))
	for i := len(sorted) - 1; i >= 0; i-- {
		if sorted[i] <= falseRate*float64(i+1)/float64(len(sorted)) {
			return sorted[i]
		}
	}
	return -1
}

// change compares one function.
func change(name string, from, to weights, shares bool) DiffFunction {
	f := DiffFunction{Name: name}
	var before, after float64 // variances
	if shares {
		f.Base, before = from.share(name)
		f.Value, after = to.share(name)
	} else {
		f.Base, before = from.by[name].value, from.by[name].variance
		f.Value, after = to.by[name].value, to.by[name].variance
	}
	f.Change = f.Value - f.Base
	sd := math.Sqrt(before + after)
	f.Low, f.High, f.P = f.Change-z95*sd, f.Change+z95*sd, 1
	if sd > 0 {
		f.P = math.Erfc(math.Abs(f.Change) / sd / math.Sqrt2)
	}
	return f
}

// weight is a sum of samples with its variance: each is one draw that stands for its value.
type weight struct{ value, variance, samples float64 }

type weights struct {
	all weight
	by  map[string]weight
}

func weigh(p *profile.Profile, index int) weights {
	w := weights{by: map[string]weight{}}
	count := counter(p, index)
	for _, s := range p.Sample {
		v := float64(s.Value[index])
		if v <= 0 {
			continue
		}
		n := count(s)
		one := weight{v, v * v / n, n}
		w.all = w.all.plus(one)
		name := frame(stack(s)[0])
		w.by[name] = w.by[name].plus(one)
	}
	return w
}

func (w weight) plus(o weight) weight {
	return weight{w.value + o.value, w.variance + o.variance, w.samples + o.samples}
}

// share is a function's share of all, with its variance by the delta method; where all samples
// weigh the same that is the binomial share × (1 - share) / samples. One sample more on either side
// keeps it from being 0 at the ends.
func (w weights) share(name string) (value, variance float64) {
	if w.all.value <= 0 {
		return 0, 0
	}
	f := w.by[name]
	s := f.value / w.all.value
	own, others := f.variance, w.all.variance-f.variance
	mean := w.all.variance / w.all.samples
	own, others = max(own, mean), max(others, mean)
	return s, ((1-s)*(1-s)*own + s*s*others) / (w.all.value * w.all.value)
}

// counter tells how many samples stand behind one record, at least one. The heap profile's counts are
// scaled up by the chance of an allocation to be sampled, which is taken back.
func counter(p *profile.Profile, index int) func(*profile.Sample) float64 {
	counts := -1
	want := map[string]string{"inuse_space": "inuse_objects", "alloc_space": "alloc_objects"}
	for i, t := range p.SampleType {
		switch name := p.SampleType[index].Type; {
		case want[name] != "" && t.Type == want[name], want[name] == "" && t.Unit == "count" && counts < 0:
			counts = i
		}
	}
	heap := p.PeriodType != nil && p.PeriodType.Type == "space" && p.Period > 0 && p.SampleType[index].Unit == "bytes"
	return func(s *profile.Sample) float64 {
		if counts < 0 {
			return 1
		}
		n := float64(s.Value[counts])
		if heap && n > 0 {
			n *= -math.Expm1(-float64(s.Value[index]) / n / float64(p.Period))
		}
		return max(n, 1)
	}
}
