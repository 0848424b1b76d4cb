package profiler

import (
	"encoding/binary"
	"math"
)

// counts is a plain copy of a histogram, in ascending order of octaves.
type counts struct {
	octaves []octaveCounts
	total   uint64
}

type octaveCounts struct {
	index  int
	counts [subBuckets]uint64
}

// pack encodes c in a few bytes for each bucket that holds something: as varints, the
// distance from the last such bucket and the count.
func (c counts) pack() []byte {
	var buf []byte
	last := 0
	for i := range c.octaves {
		for j, n := range c.octaves[i].counts {
			if n > 0 {
				bucket := c.octaves[i].index*subBuckets + j
				buf = binary.AppendUvarint(buf, uint64(bucket-last))
				buf = binary.AppendUvarint(buf, n)
				last = bucket
			}
		}
	}
	return append(make([]byte, 0, len(buf)), buf...) // without the room left by growing
}

// unpack decodes what pack encoded.
func unpack(buf []byte) counts {
	var c counts
	bucket := 0
	for len(buf) > 0 {
		gap, n := binary.Uvarint(buf)
		count, m := binary.Uvarint(buf[n:])
		buf = buf[n+m:]
		bucket += int(gap)
		oct := bucket / subBuckets
		if len(c.octaves) == 0 || c.octaves[len(c.octaves)-1].index != oct {
			c.octaves = append(c.octaves, octaveCounts{index: oct})
		}
		c.octaves[len(c.octaves)-1].counts[bucket%subBuckets] = count
		c.total += count
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

// midpoint is the value that stands for a bucket: the middle of the integers it holds.
func midpoint(oct, sub int) float64 {
	low, high := bucketBounds(oct, sub)
	return (float64(low) + float64(high-1)) / 2
}
