package llm

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDistribution(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Uint64Range(0, 1<<42), 1, 50).Draw(t, "values")
		var d distribution
		most, sum := uint64(0), uint64(0)
		for _, v := range values {
			d.record(v)
			most, sum = max(most, v), sum+v
		}
		n, q := d.quantiles(1)
		if n != uint64(len(values)) || math.Abs(q[0]-float64(most)) > float64(most)/16+1 {
			t.Fatalf("%d values, the greatest %v; want %d, %d", n, q[0], len(values), most)
		}
		count, total, upTo := d.cumulative(20, 10)
		want := make([]uint64, 10)
		for _, v := range values {
			for i := range want {
				if v < 1<<(20+i) {
					want[i]++
				}
			}
		}
		for i := range want {
			if upTo[i] != want[i] {
				t.Fatalf("below 2^%d: %d, want %d", 20+i, upTo[i], want[i])
			}
		}
		if count != n || total != sum {
			t.Fatalf("count %d, sum %d", count, total)
		}
	})
	var d distribution
	if n, q := d.quantiles(0.5); n != 0 || q[0] != 0 {
		t.Errorf("of nothing: %d, %v", n, q)
	}
	d.record(math.MaxUint64)
	if n, _ := d.quantiles(0.5); n != 1 {
		t.Error("a great value was lost")
	}
}
