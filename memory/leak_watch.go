package memory

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	leakEvery  = 10 * time.Second // between two samples
	proofEvery = 10 * time.Minute // between two searches for goroutines that cannot go on
	topSites   = 10
)

// Site is what one place in the program allocated and still keeps, estimated from the heap profile.
type Site struct {
	Site    string `json:"site"`
	Bytes   int64  `json:"bytes"`
	Objects int64  `json:"objects"`
	// Ratio is its share of what all sites keep.
	Ratio float64 `json:"ratio"`
}

// LeakStats says how leaks are looked for.
type LeakStats struct {
	Enabled bool `json:"enabled"`
	// Samples were taken, the last in LastTookSeconds.
	Samples         uint64  `json:"samples"`
	LastTookSeconds float64 `json:"last_took_seconds"`
	// ProfileRateBytes is runtime.MemProfileRate: one allocation in so many bytes is sampled.
	// Zero: the program turned the profile off, and heap leaks cannot be found.
	ProfileRateBytes int64 `json:"profile_rate_bytes"`
	// Proofs tells whether this program was built with the goroutineleak profile, which finds
	// goroutines that can never go on.
	Proofs bool `json:"proofs"`
}

// leakWatch samples this process and judges what it sees.
type leakWatch struct {
	mu       sync.Mutex // guards the fields below
	on       bool
	reader   SiteReader
	detector LeakDetector
	proven   []Leak
	proofAt  time.Time
	samples  uint64
	took     time.Duration
	top      []Site
	topAt    time.Time
}

// turn switches the watch; turned off it forgets what it has seen.
func (w *leakWatch) turn(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on == on {
		return
	}
	w.on = on
	w.reader, w.detector, w.proven, w.proofAt = SiteReader{}, LeakDetector{}, nil, time.Time{}
}

// sample takes one look if the watch is on.
func (w *leakWatch) sample(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.on {
		return
	}
	start := time.Now()
	s := w.reader.Read(now)
	w.detector.Observe(s)
	if slices.Contains(s.Kinds, LeakHeap) {
		w.top, w.topAt = largest(s.Sites), now
	}
	w.samples++
	w.took = time.Since(start)
	if now.Sub(w.proofAt) >= proofEvery {
		w.proofAt = now
		w.proven = prove(w.proven, now)
	}
}

// leaks returns those found, never nil, with the time until use reaches the limit.
func (w *leakWatch) leaks(used, limit int64) []Leak {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.proven)
	for _, l := range w.detector.Leaks() {
		at := slices.IndexFunc(w.proven, func(p Leak) bool { return p.Kind == l.Kind && p.Site == l.Site })
		if at < 0 {
			all = append(all, l)
			continue
		}
		l.Confidence = LeakConfirmed // a trend tells the rate better than two counts
		all[at] = l
	}
	for i := range all {
		all[i].toLimit(used, limit)
	}
	if all == nil {
		all = []Leak{}
	}
	return all[:min(len(all), maxLeaks)]
}

// sites returns the places that keep most, at most ten seconds old.
func (w *leakWatch) sites(now time.Time) []Site {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.topAt.IsZero() || now.Sub(w.topAt) > leakEvery {
		if !w.on {
			w.reader.heap = false // look again, collected or not
			w.top = largest(w.reader.Read(now).Sites)
		}
		w.topAt = now
	}
	return slices.Clone(w.top)
}

func (w *leakWatch) stats() LeakStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return LeakStats{
		Enabled: w.on, Samples: w.samples, LastTookSeconds: w.took.Seconds(),
		ProfileRateBytes: profileRate(), Proofs: canProve(),
	}
}

// largest returns the heap sites that keep most.
func largest(sites []SiteUse) []Site {
	total := 0.0
	top := []Site{}
	for _, s := range sites {
		if s.Kind == LeakHeap {
			total += s.Bytes
			top = append(top, Site{Site: s.Site, Bytes: int64(s.Bytes), Objects: int64(s.Count)})
		}
	}
	slices.SortFunc(top, func(a, b Site) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Site, b.Site))
	})
	top = slices.Clip(top[:min(len(top), topSites)])
	for i := range top {
		top[i].Ratio = float64(top[i].Bytes) / max(total, 1)
	}
	return top
}
