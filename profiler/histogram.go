package profiler

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// The log-linear layout: values below 32 ns have a bucket each; above, every power of
// two is cut into 32 equal buckets. A bucket is at most 1/32 of its lower bound wide, so
// its midpoint is within 1/64 of any value in it.
const (
	subBits    = 5
	subBuckets = 1 << subBits
	// maxShift bounds the range: 2^45 ns is 9.8 hours; longer durations land in the last bucket.
	maxShift = 40
	octaves  = maxShift + 1

	// RelativeError bounds the error of every quantile, as a share of the true duration.
	RelativeError = 1.0 / (2 * subBuckets)
)

// octave holds the buckets of one power of two.
type octave [subBuckets]atomic.Uint64

// histogram is a log-linear histogram of nanoseconds. Octaves are made when first hit,
// since one function's durations rarely span more than a handful of them. All methods
// may be called at any time from any goroutine; the zero value is ready.
type histogram struct {
	octaves [octaves]atomic.Pointer[octave]
}

// bucketOf returns the octave and the bucket within it that hold v.
func bucketOf(v uint64) (oct, sub int) {
	if v < subBuckets {
		return 0, int(v)
	}
	// The highest bit is at position shift+subBits; the subBits below it pick the bucket.
	shift := bits.Len64(v) - 1 - subBits
	if shift >= maxShift {
		return octaves - 1, subBuckets - 1
	}
	return shift + 1, int(v>>shift) - subBuckets
}

// bucketBounds returns the lowest value of a bucket and the first value beyond it.
func bucketBounds(oct, sub int) (low, high uint64) {
	if oct == 0 {
		return uint64(sub), uint64(sub) + 1
	}
	shift := oct - 1
	return uint64(subBuckets+sub) << shift, uint64(subBuckets+sub+1) << shift
}

func (h *histogram) record(v uint64) {
	oct, sub := bucketOf(v)
	o := h.octaves[oct].Load()
	if o == nil {
		o = h.grow(oct)
	}
	o[sub].Add(1)
}

// grow makes an octave; when two goroutines race, one octave wins and both use it.
func (h *histogram) grow(oct int) *octave {
	fresh := new(octave)
	if h.octaves[oct].CompareAndSwap(nil, fresh) {
		return fresh
	}
	return h.octaves[oct].Load()
}

// counts is a plain copy of a histogram, in ascending order of octaves.
type counts struct {
	octaves []octaveCounts
	total   uint64
}

type octaveCounts struct {
	index  int
	counts [subBuckets]uint64
}

// snapshot copies h. Records made meanwhile may or may not be in it; buckets only grow,
// so a later snapshot minus an earlier one is never negative.
func (h *histogram) snapshot() counts {
	var c counts
	for i := range h.octaves {
		o := h.octaves[i].Load()
		if o == nil {
			continue
		}
		oc := octaveCounts{index: i}
		for j := range o {
			n := o[j].Load()
			oc.counts[j] = n
			c.total += n
		}
		c.octaves = append(c.octaves, oc)
	}
	return c
}

// minus returns c without what was already in earlier, a snapshot of the same histogram.
func (c counts) minus(earlier counts) counts {
	out := counts{octaves: make([]octaveCounts, 0, len(c.octaves))}
	k := 0
	for _, oc := range c.octaves {
		for k < len(earlier.octaves) && earlier.octaves[k].index < oc.index {
			k++
		}
		if k < len(earlier.octaves) && earlier.octaves[k].index == oc.index {
			for j := range oc.counts {
				oc.counts[j] -= earlier.octaves[k].counts[j]
			}
		}
		for _, n := range oc.counts {
			out.total += n
		}
		out.octaves = append(out.octaves, oc)
	}
	return out
}

// quantile returns the value in nanoseconds at or below which a share q of the records
// lies (nearest rank: the smallest record whose rank is at least q × total). It is zero
// when nothing was recorded.
func (c counts) quantile(q float64) float64 {
	if c.total == 0 {
		return 0
	}
	rank := c.rank(q)
	var seen uint64
	for _, oc := range c.octaves {
		for j, n := range oc.counts {
			seen += n
			if seen >= rank && n > 0 {
				return midpoint(oc.index, j)
			}
		}
	}
	return 0 // not reached: seen ends at total, and rank is at most that
}

// rank is the 1-based rank of the record at quantile q.
func (c counts) rank(q float64) uint64 {
	// q×total of e.g. 0.95×20 is 19.000000000000004 in binary; do not let that round up.
	rank := uint64(math.Ceil(q*float64(c.total) - 1e-9))
	return min(max(rank, 1), c.total)
}

// tail returns how many records lie at or above quantile q and their sum in nanoseconds.
func (c counts) tail(q float64) (n uint64, sum float64) {
	if c.total == 0 {
		return 0, 0
	}
	want := c.total - c.rank(q) + 1
	for i := len(c.octaves) - 1; i >= 0; i-- {
		oc := &c.octaves[i]
		for j := subBuckets - 1; j >= 0; j-- {
			k := min(oc.counts[j], want-n)
			n += k
			sum += float64(k) * midpoint(oc.index, j)
			if n == want {
				return n, sum
			}
		}
	}
	return n, sum
}

// sum estimates the sum of the records in nanoseconds, within [RelativeError].
func (c counts) sum() float64 {
	var s float64
	for i := range c.octaves {
		for j, n := range c.octaves[i].counts {
			if n > 0 {
				s += float64(n) * midpoint(c.octaves[i].index, j)
			}
		}
	}
	return s
}

// midpoint is the value that stands for a bucket: the middle of the integers it holds.
func midpoint(oct, sub int) float64 {
	low, high := bucketBounds(oct, sub)
	return (float64(low) + float64(high-1)) / 2
}
