package demo

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestLoadIsADay(t *testing.T) {
	t.Parallel()
	sum, most, least, steps := 0.0, 0.0, math.Inf(1), 0
	for at := time.Duration(0); at < dayLength; at += time.Second {
		l := load(at)
		sum, most, least, steps = sum+l, max(most, l), min(least, l), steps+1
		if next := load(at + time.Second); math.Abs(next-l) > 0.05 {
			t.Errorf("the load jumps from %.2f to %.2f at %v", l, next, at)
		}
		if again := load(at + dayLength); math.Abs(again-l) > 1e-9 {
			t.Errorf("the second day differs at %v: %.3f and %.3f", at, l, again)
		}
	}
	if mean := sum / float64(steps); math.Abs(mean-1) > 0.01 {
		t.Errorf("mean load = %.3f, want 1", mean)
	}
	if most < 1.6 || least > 0.35 {
		t.Errorf("load between %.2f and %.2f, want a day and a night", least, most)
	}
}

func TestGapsAreBursty(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	const n, rate = 200_000, 10.0
	gaps := make([]float64, n)
	sum := 0.0
	for i := range gaps {
		gaps[i] = gap(rng, rate).Seconds()
		sum += gaps[i]
	}
	mean := sum / n
	if math.Abs(mean*rate-1) > 0.03 {
		t.Errorf("mean gap = %.4f s, want %.4f", mean, 1/rate)
	}
	variance := 0.0
	for _, g := range gaps {
		variance += (g - mean) * (g - mean) / n
	}
	if cv := math.Sqrt(variance) / mean; math.Abs(cv-burstiness) > 0.1 {
		t.Errorf("coefficient of variation = %.2f, want %v", cv, burstiness)
	}
}

func TestGamma(t *testing.T) {
	t.Parallel()
	for _, shape := range []float64{0.1, 0.25, 1, 3, 20} {
		rng := rand.New(rand.NewPCG(7, uint64(shape*100)))
		const n = 200_000
		sum, squares := 0.0, 0.0
		for range n {
			x := gamma(rng, shape)
			if x < 0 || math.IsNaN(x) {
				t.Fatalf("gamma(%v) = %v", shape, x)
			}
			sum, squares = sum+x, squares+x*x
		}
		mean := sum / n
		if variance := squares/n - mean*mean; math.Abs(mean/shape-1) > 0.03 || math.Abs(variance/shape-1) > 0.06 {
			t.Errorf("gamma(%v): mean %.3f, variance %.3f, want both %v", shape, mean, variance, shape)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	drawn := make([]int, 20_001)
	for i := range drawn {
		drawn[i] = tokens(rng)
	}
	slices.Sort(drawn)
	if least, most := drawn[0], drawn[len(drawn)-1]; least < 1 || most > 300 {
		t.Errorf("answers of %d to %d tokens, want 1 to 300", least, most)
	}
	if median := drawn[len(drawn)/2]; median < 38 || median > 42 {
		t.Errorf("median = %d tokens, want 40", median)
	}
	if p95 := drawn[len(drawn)*95/100]; p95 < 100 {
		t.Errorf("p95 = %d tokens: the long answers are missing", p95)
	}
}
