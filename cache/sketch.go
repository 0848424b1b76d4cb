package cache

import "math/bits"

const (
	sketchWidth  = 32 // counters for each entry; with 16 collisions cost W-TinyLFU a point on short traces
	sketchProbes = 4  // counters of a key
	sketchPeriod = 10 // accesses of each entry after which the past counts half
	sketchMax    = 15
	leastSketch  = 16 // words
)

// sketch estimates how often keys were met lately, those included that left: a count-min sketch
// with counters of four bits (Einziger, Friedman, Manes: TinyLFU, a highly efficient cache
// admission policy, 2017). It grows with the number of entries. Its zero value has met nothing.
type sketch struct {
	words []uint64
	met   int
}

// add counts n accesses of a key in a cache of so many entries.
func (s *sketch) add(hash uint64, n, entries int) {
	if n == 0 {
		return
	}
	s.grow(entries)
	for range sketchProbes {
		word, shift := s.place(hash)
		count := *word >> shift & sketchMax
		more := min(count+uint64(n), sketchMax) - count
		*word += more << shift
		hash = bits.RotateLeft64(hash, 16) * 0x9e3779b97f4a7c15
	}
	if s.met += n; s.met >= sketchPeriod*max(entries, leastSketch) {
		s.age()
	}
}

// count is how often a key was met, up to sketchMax.
func (s *sketch) count(hash uint64) int {
	if s.words == nil {
		return 0
	}
	least := uint64(sketchMax)
	for range sketchProbes {
		word, shift := s.place(hash)
		least = min(least, *word>>shift&sketchMax)
		hash = bits.RotateLeft64(hash, 16) * 0x9e3779b97f4a7c15
	}
	return int(least)
}

func (s *sketch) place(hash uint64) (word *uint64, shift uint64) {
	return &s.words[hash>>4&uint64(len(s.words)-1)], hash & 15 * 4
}

// grow makes room for so many entries. A place of a larger sketch has what the place that it comes
// from had.
func (s *sketch) grow(entries int) {
	if s.words == nil {
		s.words = make([]uint64, leastSketch)
	}
	for len(s.words)*16/sketchWidth < entries {
		s.words = append(s.words, s.words...)
	}
}

// age halves all counts.
func (s *sketch) age() {
	s.met /= 2
	for i, w := range s.words {
		s.words[i] = w >> 1 & 0x7777777777777777
	}
}
