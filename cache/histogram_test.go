package cache

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuantileIsNear(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var h histogram
	values := make([]int64, 10_000)
	for i := range values {
		values[i] = int64(math.Exp(r.NormFloat64()*2 + 6))
		h.record(values[i])
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
		got, want := h.quantile(q)*1e9, float64(values[int(q*float64(len(values)-1))])
		if math.Abs(got-want) > want/16+1 {
			t.Errorf("quantile %v: %v, want %v within a sixteenth", q, got, want)
		}
	}
}

func TestHistogramEdges(t *testing.T) {
	t.Parallel()
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	h.record(-5)
	h.record(math.MaxInt64)
	if got := h.cumulative()[128e-9]; got != 1 {
		t.Errorf("%d at most 128 ns, want the negative one", got)
	}
	if got := h.cumulative()[16<<20/1e9]; got != 1 {
		t.Errorf("%d at most 16.8 ms, want 1", got)
	}
	if h.count.Load() != 2 {
		t.Errorf("%d recorded", h.count.Load())
	}
	for v := uint64(0); v < 1<<20; v += 1 + v/7 {
		if c := cellOf(v); floorOf(c) > v || floorOf(c+1) <= v {
			t.Fatalf("%d is in the cell from %d to %d", v, floorOf(c), floorOf(c+1))
		}
	}
}
