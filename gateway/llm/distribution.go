package llm

import (
	"math/bits"
	"sync/atomic"
)

// The log-linear layout: values below 8 have a bucket each; above, every power of two is cut into
// 8 equal buckets, so that the middle of one is within 1/16 of any value in it.
const (
	subBits = 3
	subs    = 1 << subBits
	// octaves bounds the range: 2^43 ns are 2.4 hours.
	octaves = 43 - subBits + 1
)

// distribution counts values in buckets of atomics. The zero value is ready.
type distribution struct {
	buckets [octaves][subs]atomic.Uint64
	sum     atomic.Uint64
}

func (d *distribution) record(v uint64) {
	o, s := 0, int(min(v, subs-1))
	if v >= subs {
		shift := bits.Len64(v) - 1 - subBits
		o, s = shift+1, int(v>>shift)-subs
		if o >= octaves {
			o, s = octaves-1, subs-1
		}
	}
	d.buckets[o][s].Add(1)
	d.sum.Add(v)
}

// bounds are the lowest value of a bucket and the first beyond it.
func bounds(o, s int) (low, high uint64) {
	if o == 0 {
		return uint64(s), uint64(s) + 1
	}
	return uint64(subs+s) << (o - 1), uint64(subs+s+1) << (o - 1)
}

// quantiles returns the count, and for each share q the middle of the bucket that holds it. They
// are zero without values.
func (d *distribution) quantiles(qs ...float64) (count uint64, values []float64) {
	var counts [octaves][subs]uint64
	for o := range counts {
		for s := range counts[o] {
			counts[o][s] = d.buckets[o][s].Load()
			count += counts[o][s]
		}
	}
	values = make([]float64, len(qs))
	if count == 0 {
		return 0, values
	}
	for i, q := range qs {
		rank, seen := max(uint64(q*float64(count)+0.999999), 1), uint64(0)
	search:
		for o := range counts {
			for s, n := range counts[o] {
				if seen += n; seen >= rank {
					low, high := bounds(o, s)
					values[i] = float64(low+high) / 2
					break search
				}
			}
		}
	}
	return count, values
}

// cumulative returns the count, the sum, and the counts up to each of the powers of two from first
// on, n of them. What is below a bound is counted, not what equals it.
func (d *distribution) cumulative(first, n int) (count, sum uint64, upTo []uint64) {
	upTo = make([]uint64, n)
	for o := range d.buckets {
		for s := range d.buckets[o] {
			c := d.buckets[o][s].Load()
			if c == 0 {
				continue
			}
			count += c
			_, high := bounds(o, s)
			for i := range upTo {
				if high <= 1<<(first+i) {
					upTo[i] += c
				}
			}
		}
	}
	return count, d.sum.Load(), upTo
}
