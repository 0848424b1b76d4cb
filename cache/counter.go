package cache

import (
	"sync/atomic"
	"unsafe"
)

const stripes = 16

// stripe is one goroutine's corner of the counters, alone on its cache lines.
type stripe struct {
	hits, misses atomic.Uint64
	savings
	_ [96]byte
}

// striped counts hits and misses without readers on several processors fighting over one word.
type striped [stripes]stripe

// mine picks the stripe by where the goroutine's stack is: it costs nothing and stays the same
// for a goroutine. Any pick is correct.
func (s *striped) mine() *stripe {
	var here byte
	at := uintptr(unsafe.Pointer(&here)) // #nosec G103 -- only hashed, never dereferenced
	return &s[(at>>11^at>>15)%stripes]
}

func (s *striped) sum() (hits, misses uint64) {
	for i := range s {
		hits += s[i].hits.Load()
		misses += s[i].misses.Load()
	}
	return hits, misses
}

// due reports whether this lookup is one to measure: the first of each stripe is.
func (s *stripe) due() bool {
	return (s.hits.Load()+s.misses.Load())%SampleEvery == 0
}

// cause says why an entry left.
type cause int

const (
	causeBytes cause = iota
	causeEntries
	causePressure
	causeResize
	causeExpired
	causeInvalidated
	causes
)

// evictionCauses are the causes that count as evictions, by their names in statistics.
var evictionCauses = [...]string{
	causeBytes: "bytes", causeEntries: "entries", causePressure: "pressure", causeResize: "resize",
}

// counters are a cache's figures that do not follow from what it holds.
type counters struct {
	_ [64]byte // who counts has no line in common with what every hit reads
	striped
	removed           [causes]atomic.Uint64
	rejected          atomic.Uint64
	loads, loadErrors atomic.Uint64
	superseded        atomic.Uint64

	staleHits, staleOnErrors                   atomic.Uint64
	negativeHits, loadsAbsent                  atomic.Uint64
	refreshes, refreshErrors, refreshesSkipped atomic.Uint64

	loadNanos atomic.Int64
	active    atomic.Int64
	access    histogram
}
