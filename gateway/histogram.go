package gateway

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// The upper bounds of the histograms are the first bound doubled again and again, up to 524 s.
const (
	firstBound = 62500 * time.Nanosecond
	boundCount = 24
)

// histogram counts durations in buckets of atomics.
type histogram struct {
	buckets [boundCount + 1]atomic.Uint64
	nanos   atomic.Uint64
}

func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	i := bits.Len64(uint64(max(d-1, 0) / firstBound))
	h.buckets[min(i, boundCount)].Add(1)
	h.nanos.Add(uint64(d))
}

// read returns the count, the sum in seconds and the cumulative counts by upper bound in
// seconds.
func (h *histogram) read() (count uint64, seconds float64, cumulative map[float64]uint64) {
	cumulative = make(map[float64]uint64, boundCount)
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < boundCount {
			cumulative[(firstBound << i).Seconds()] = count
		}
	}
	return count, time.Duration(h.nanos.Load()).Seconds(), cumulative
}

// mean is the mean in seconds, zero without records.
func (h *histogram) mean() float64 {
	count, seconds, _ := h.read()
	if count == 0 {
		return 0
	}
	return seconds / float64(count)
}
