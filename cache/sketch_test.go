package cache

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"testing"
)

// A count is never below the truth until the past fades, seldom far above it, and survives growth.
func TestSketchCounts(t *testing.T) {
	t.Parallel()
	seed := maphash.MakeSeed()
	hash := func(i int) uint64 { return maphash.String(seed, strconv.Itoa(i)) }
	var s sketch
	if s.count(hash(1)) != 0 {
		t.Error("an empty sketch has met a key")
	}
	r := rand.New(rand.NewPCG(1, 1))
	truth := map[int]int{}
	for entries := 1; entries <= 1000; entries++ {
		key, n := r.IntN(500), 1+r.IntN(3)
		truth[key] += n
		s.add(hash(key), n, 1000)
	}
	far := 0
	for key, n := range truth {
		got := s.count(hash(key))
		if got < min(n, sketchMax) {
			t.Errorf("key %d: %d, met %d times", key, got, n)
		}
		if got > n+1 {
			far++
		}
	}
	if far > len(truth)/20 {
		t.Errorf("%d of %d counts are far too high", far, len(truth))
	}
	before := s.count(hash(1))
	s.grow(8000)
	if got := s.count(hash(1)); got != before || len(s.words) < 8000 {
		t.Errorf("after growth to %d words: %d, before %d", len(s.words), got, before)
	}
}

// What is not met any more fades.
func TestSketchForgets(t *testing.T) {
	t.Parallel()
	var s sketch
	s.add(1<<20, sketchMax, 100)
	for i := range uint64(4 * sketchPeriod * 100) {
		s.add(i*0x9e3779b97f4a7c15, 1, 100)
	}
	if got := s.count(1 << 20); got > sketchMax/2 {
		t.Errorf("a key of long ago counts %d", got)
	}
	if s.met > sketchPeriod*100 {
		t.Errorf("%d accesses remembered", s.met)
	}
}
