package profiler

import (
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

// calls counts the records of h.
func (h *histogram) calls() uint64 {
	var n uint64
	for i := range h.octaves {
		if o := h.octaves[i].Load(); o != nil {
			for j := range o {
				n += o[j].Load()
			}
		}
	}
	return n
}
