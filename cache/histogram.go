package cache

import (
	"math/bits"
	"sync/atomic"
)

const (
	subBits   = 3
	subCount  = 1 << subBits
	octaves   = 32
	cellCount = octaves * subCount
)

// accessBounds are the upper bounds of the exported histogram, in nanoseconds.
var accessBounds = [...]uint64{128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20, 16 << 20}

// histogram counts nanoseconds in cells of a power of two cut in eight: a quantile is off by at
// most a sixteenth. It is only given samples, so plain atomics do.
type histogram struct {
	cells [cellCount]atomic.Uint64
	count atomic.Uint64
	nanos atomic.Uint64
}

func (h *histogram) record(nanos int64) {
	v := uint64(max(nanos, 0))
	h.cells[cellOf(v)].Add(1)
	h.nanos.Add(v)
	h.count.Add(1)
}

func cellOf(v uint64) int {
	if v < subCount {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return min((shift+1)*subCount+int(v>>shift)-subCount, cellCount-1)
}

// floorOf is the lowest value of a cell.
func floorOf(cell int) uint64 {
	if cell < subCount {
		return uint64(cell)
	}
	return uint64(subCount+cell%subCount) << (cell/subCount - 1)
}

// quantile is the middle of the cell that q of the samples do not exceed, in seconds.
func (h *histogram) quantile(q float64) float64 {
	total := uint64(0)
	for i := range h.cells {
		total += h.cells[i].Load()
	}
	if total == 0 {
		return 0
	}
	rank, seen := uint64(q*float64(total-1))+1, uint64(0)
	for i := range h.cells {
		if seen += h.cells[i].Load(); seen >= rank {
			return float64(floorOf(i)+floorOf(i+1)) / 2 / 1e9
		}
	}
	return float64(floorOf(cellCount-1)) / 1e9
}

// cumulative are the samples up to each of accessBounds, in seconds.
func (h *histogram) cumulative() map[float64]uint64 {
	out := make(map[float64]uint64, len(accessBounds))
	cell, seen := 0, uint64(0)
	for _, bound := range accessBounds {
		for ; cell < cellCount && floorOf(cell) < bound; cell++ {
			seen += h.cells[cell].Load()
		}
		out[float64(bound)/1e9] = seen
	}
	return out
}
