package profiler

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBucketsTileTheRange(t *testing.T) {
	t.Parallel()
	var next uint64
	for oct := range octaves {
		for sub := range subBuckets {
			low, high := bucketBounds(oct, sub)
			if low != next {
				t.Fatalf("bucket %d/%d begins at %d, want %d", oct, sub, low, next)
			}
			for _, v := range []uint64{low, high - 1} {
				if o, s := bucketOf(v); o != oct || s != sub {
					t.Fatalf("bucketOf(%d) = %d/%d, want %d/%d", v, o, s, oct, sub)
				}
			}
			next = high
		}
	}
	if o, s := bucketOf(math.MaxUint64); o != octaves-1 || s != subBuckets-1 {
		t.Errorf("bucketOf(max) = %d/%d, want the last bucket", o, s)
	}
}

// exact is the nearest-rank quantile of sorted values.
func exact(sorted []uint64, q float64) float64 {
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return float64(sorted[min(max(rank, 1), len(sorted))-1])
}

func TestQuantileIsWithinRelativeError(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		magnitude := rapid.Custom(func(t *rapid.T) uint64 {
			return rapid.Uint64Range(0, 1<<rapid.IntRange(1, 44).Draw(t, "bits")).Draw(t, "value")
		})
		values := rapid.SliceOfN(magnitude, 1, 300).Draw(t, "values")
		var h histogram
		for _, v := range values {
			h.record(v)
		}
		slices.Sort(values)
		c := h.snapshot()
		if c.total != uint64(len(values)) || h.calls() != c.total {
			t.Fatalf("total %d, calls %d, want %d", c.total, h.calls(), len(values))
		}
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
			want, got := exact(values, q), c.quantile(q)
			if math.Abs(got-want) > want*RelativeError {
				t.Fatalf("q%v = %v, want %v ± %v", q, got, want, want*RelativeError)
			}
			checkTail(t, c, values, q)
		}
	})
}

func checkTail(t *rapid.T, c counts, sorted []uint64, q float64) {
	rank := min(max(int(math.Ceil(q*float64(len(sorted))-1e-9)), 1), len(sorted))
	var want float64
	for _, v := range sorted[rank-1:] {
		want += float64(v)
	}
	n, sum := c.tail(q)
	if n != uint64(len(sorted)-rank+1) || math.Abs(sum-want) > want*RelativeError+1e-6 {
		t.Fatalf("tail(%v) = %d, %v; want %d, %v", q, n, sum, len(sorted)-rank+1, want)
	}
}

func TestSnapshotsSubtract(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Uint64Range(0, 1<<40))
		before, after := values.Draw(t, "before"), values.Draw(t, "after")
		var all, late histogram
		for _, v := range before {
			all.record(v)
		}
		mark := unpack(all.snapshot().pack())
		for _, v := range after {
			all.record(v)
			late.record(v)
		}
		got, want := all.snapshot().minus(mark), late.snapshot()
		if got.total != want.total {
			t.Fatalf("total %d, want %d", got.total, want.total)
		}
		for _, q := range []float64{0.01, 0.5, 0.99, 1} {
			if got.quantile(q) != want.quantile(q) {
				t.Fatalf("q%v = %v, want %v", q, got.quantile(q), want.quantile(q))
			}
		}
	})
}
