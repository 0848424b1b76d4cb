package memory

import (
	"hash/maphash"
	"math"
	"runtime"
	"time"
)

const (
	maxStacks     = 1 << 15 // different stacks remembered; then they are learned anew
	maxGoroutines = 100_000 // beyond, no profile of them is taken
	// Goroutine profiles cost about a microsecond for each goroutine: the next one waits
	// a thousand times as long as the last one took.
	goroutineCost = 1000
)

// SiteReader reads what each place in this program keeps from the heap profile and the
// goroutine profile. It stops the world for neither longer than the runtime does to begin a
// goroutine profile, some tens of microseconds. The zero value is ready; not safe for concurrent
// use.
//
// The heap profile samples one allocation in runtime.MemProfileRate bytes and shows what was in
// use at the end of a collection: the reader asks once in a collection and scales.
// At the default of 512 KiB a leak of half a MiB a minute is ten samples in twenty minutes;
// set runtime.MemProfileRate = 64 << 10 as the first statement of main. Later it must not change,
// since samples taken at the old rate would be scaled by the new one.
type SiteReader struct {
	libraries  libraries
	seed       maphash.Seed
	stacks     map[stackKey]knownStack
	records    []runtime.MemProfileRecord
	goroutines []runtime.StackRecord

	cycle    uint64
	heap     bool // read at least once
	nextTime time.Time
}

type stackKey struct {
	kind string
	hash uint64
}

// knownStack is a stack that was looked up before.
type knownStack struct {
	site   string
	frames []uintptr
}

// Read returns what there is of news: the heap when a collection ended since the last Read,
// goroutines when their turn has come. Kinds says which.
func (r *SiteReader) Read(now time.Time) LeakSample {
	if r.stacks == nil {
		r.libraries, r.seed, r.stacks = newLibraries(), maphash.MakeSeed(), map[stackKey]knownStack{}
	}
	s := LeakSample{Time: now}
	rt := readRuntime()
	if rate := runtime.MemProfileRate; rate > 0 && (!r.heap || rt.gc.Cycles != r.cycle) {
		r.heap, r.cycle = true, rt.gc.Cycles
		s.Kinds = append(s.Kinds, LeakHeap)
		s.Sites = r.readHeap(s.Sites, float64(rate))
	}
	if !now.Before(r.nextTime) && rt.goroutines <= maxGoroutines {
		s.Kinds = append(s.Kinds, LeakGoroutine)
		start := time.Now()
		s.Sites = r.readGoroutines(s.Sites, rt)
		r.nextTime = now.Add(max(slotWidth/2, goroutineCost*time.Since(start)))
	}
	return s
}

// readHeap adds up the heap profile by site.
func (r *SiteReader) readHeap(sites []SiteUse, rate float64) []SiteUse {
	n, ok := runtime.MemProfile(r.records, false)
	for !ok {
		r.records = make([]runtime.MemProfileRecord, n+n/8+50)
		n, ok = runtime.MemProfile(r.records, false)
	}
	byName := map[string]int{}
	most := map[string]float64{}
	for i := range r.records[:n] {
		rec := &r.records[i]
		bytes, count, grain := scale(float64(rec.InUseBytes()), float64(rec.InUseObjects()), rate)
		if bytes <= 0 {
			continue
		}
		known := r.lookUp(LeakHeap, rec.Stack())
		at, there := byName[known.site]
		if !there {
			at = len(sites)
			byName[known.site] = at
			sites = append(sites, SiteUse{Kind: LeakHeap, Site: known.site})
		}
		use := &sites[at]
		use.GrainBytes = (use.GrainBytes*use.Bytes + grain*bytes) / (use.Bytes + bytes)
		use.Bytes += bytes
		use.Count += count
		if bytes > most[known.site] {
			most[known.site], use.frames = bytes, known.frames
		}
	}
	return sites
}

// scale turns what the profile sampled into estimates of what is there, as package pprof
// does: an object of size b is sampled with probability 1 − exp(−b/rate). grain is what one
// sampled object stands for in bytes.
func scale(bytes, count, rate float64) (allBytes, allCount, grain float64) {
	if bytes <= 0 || count <= 0 {
		return 0, 0, 0
	}
	if rate <= 1 {
		return bytes, count, 0
	}
	size := bytes / count
	p := -math.Expm1(-size / rate)
	return bytes / p, count / p, size / p
}

// readGoroutines counts goroutines by site, with their share of all stacks.
func (r *SiteReader) readGoroutines(sites []SiteUse, rt runtimeReading) []SiteUse {
	n, ok := runtime.GoroutineProfile(r.goroutines)
	for !ok {
		r.goroutines = make([]runtime.StackRecord, n+n/8+20)
		n, ok = runtime.GoroutineProfile(r.goroutines)
	}
	each := float64(rt.heap.StacksBytes) / float64(max(n, 1))
	byName := map[string]int{}
	for i := range r.goroutines[:n] {
		known := r.lookUp(LeakGoroutine, r.goroutines[i].Stack())
		at, there := byName[known.site]
		if !there {
			at = len(sites)
			byName[known.site] = at
			sites = append(sites, SiteUse{Kind: LeakGoroutine, Site: known.site, frames: known.frames})
		}
		sites[at].Count++
		sites[at].Bytes += each
	}
	if cap(r.goroutines) > 8*(n+100) { // a surge has passed
		r.goroutines = nil
	}
	return sites
}

// lookUp finds the site of a stack, which costs symbol tables only the first time.
func (r *SiteReader) lookUp(kind string, pcs []uintptr) knownStack {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for _, pc := range pcs {
		maphash.WriteComparable(&h, pc)
	}
	key := stackKey{kind, h.Sum64()}
	known, ok := r.stacks[key]
	if !ok {
		if len(r.stacks) >= maxStacks {
			clear(r.stacks)
		}
		frames := append([]uintptr(nil), pcs...)
		known = knownStack{r.libraries.site(kind, frames), frames}
		r.stacks[key] = known
	}
	return known
}
