package memory

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// world is a process in virtual time: places that allocate and let go, seen through a
// profile that samples one object in so many bytes.
type world struct {
	rng   *rand.Rand
	rate  float64 // bytes a sample
	sites []*simSite
	late  float64 // when the late leak begins, minutes
}

// simSite keeps objects of one size. want says how many bytes it should keep at a time.
type simSite struct {
	name    string
	leak    float64 // MiB a minute that are truly leaked, 0 for a clean site
	size    float64
	churn   float64 // share of its objects replaced in a step
	want    func(minute float64) float64
	objects float64 // kept now
	sampled float64 // of these, known to the profile
}

const simStep = 10 * time.Second

// step moves a site to the time and replaces a part of what it keeps.
func (w *world) step(s *simSite, minute float64) {
	target := max(math.Floor(s.want(minute)/s.size), 0)
	p := 1 - math.Exp(-s.size/w.rate)
	freed := math.Floor(s.objects * s.churn)
	if target < s.objects-freed {
		freed = s.objects - target
	}
	made := target - (s.objects - freed)
	if s.objects > 0 {
		s.sampled -= w.binomial(s.sampled, freed/s.objects)
	}
	s.sampled += w.binomial(made, p)
	s.objects = target
}

func (w *world) binomial(n, p float64) float64 {
	mean := n * p
	switch {
	case mean <= 0:
		return 0
	case p >= 1:
		return n
	case mean < 30 && p < 0.1 || n < 30: // Poisson by products, or trials
		if n < 30 {
			k := 0.0
			for range int(n) {
				if w.rng.Float64() < p {
					k++
				}
			}
			return k
		}
		limit, prod, k := math.Exp(-mean), w.rng.Float64(), 0.0
		for prod > limit {
			prod *= w.rng.Float64()
			k++
		}
		return min(k, n)
	}
	return min(max(math.Round(mean+w.rng.NormFloat64()*math.Sqrt(mean*(1-p))), 0), n)
}

// sample is what a profile shows.
func (w *world) sample(at time.Time) LeakSample {
	out := LeakSample{Time: at, Kinds: []string{LeakHeap}}
	for _, s := range w.sites {
		if s.sampled == 0 {
			continue
		}
		p := 1 - math.Exp(-s.size/w.rate)
		out.Sites = append(out.Sites, SiteUse{
			Kind: LeakHeap, Site: s.name, Stack: []string{s.name},
			Bytes: s.sampled * s.size / p, Count: s.sampled / p, GrainBytes: s.size / p,
		})
	}
	return out
}

const mib = 1 << 20

func (w *world) between(a, b float64) float64 { return a + (b-a)*w.rng.Float64() }

func (w *world) add(s simSite) { w.sites = append(w.sites, &s) }

// newWorld makes four leaks and twenty clean sites, with sizes, periods and phases drawn anew.
func newWorld(seed uint64, rate float64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7)), rate: rate}
	w.leaks()
	for i := range 5 {
		bound, fill := w.between(4, 60), w.between(0.5, 8)
		w.add(simSite{
			name: fmt.Sprint("lru ", i), size: w.between(128, 8192), churn: w.between(0.01, 0.5),
			want: func(m float64) float64 { return bound * min(m/fill, 1) * mib },
		})
		base, swing, period, phase := w.between(2, 20), w.between(2, 30), w.between(5, 25), w.between(0, 2*math.Pi)
		w.add(simSite{
			name: fmt.Sprint("seasonal ", i), size: w.between(128, 4096), churn: w.between(0, 0.3),
			want: func(m float64) float64 { return (base + swing*(1+math.Sin(2*math.Pi*m/period+phase))/2) * mib },
		})
	}
	for i := range 4 {
		top, period, phase := w.between(4, 40), w.between(2, 14), w.between(0, 14)
		w.add(simSite{
			name: fmt.Sprint("sawtooth ", i), size: w.between(128, 4096),
			want: func(m float64) float64 { return top * math.Mod(m+phase, period) / period * mib },
		})
	}
	for i := range 3 {
		top, tau := w.between(5, 40), w.between(3, 9)
		w.add(simSite{
			name: fmt.Sprint("warm-up ", i), size: w.between(128, 4096), churn: w.between(0, 0.2),
			want: func(m float64) float64 { return top * (1 - math.Exp(-m/tau)) * mib },
		})
	}
	for i := range 2 {
		low, high := w.between(2, 10), w.between(15, 40)
		at, stride := w.between(low, high), w.between(0.2, 1)
		w.add(simSite{
			name: fmt.Sprint("walk ", i), size: w.between(128, 4096), churn: w.between(0, 0.3),
			want: func(float64) float64 {
				at = min(max(at+stride*w.rng.NormFloat64(), low), high)
				return at * mib
			},
		})
	}
	when, height := w.between(5, 50), w.between(5, 40)
	w.add(simSite{name: "step", size: w.between(128, 4096), want: func(m float64) float64 {
		if m < when {
			return 3 * mib
		}
		return (3 + height) * mib
	}})
	return w
}

// leaks adds one of each kind: alone, within a busy site, slow, and late.
func (w *world) leaks() {
	w.add(simSite{name: "leak alone", leak: 1, size: 512, want: func(m float64) float64 { return m * mib }})
	live := w.between(10, 30)
	w.add(simSite{
		name: "leak in churn", leak: 0.8, size: 1024, churn: 0.3,
		want: func(m float64) float64 { return (live + 0.8*m) * mib },
	})
	w.add(simSite{name: "leak slow", leak: 0.5, size: 4096, want: func(m float64) float64 { return 0.5 * m * mib }})
	w.late = w.between(5, 30)
	w.add(simSite{
		name: "leak late", leak: 0.6, size: 2048, churn: 0.2,
		want: func(m float64) float64 { return (5 + 0.6*max(m-w.late, 0)) * mib },
	})
}

// tally is what an hour of some worlds came to.
type tally struct {
	clean, flagged, believed int     // clean sites; those ever suspected; those ever more than that
	leaks, within            int     // true leaks; those whose rate is within a tenth at the end
	covered                  int     // those whose rate is within its margin
	slowest                  float64 // minutes
	tardy                    int     // leaks that took over 25 minutes
	missed                   []string
}

// hour runs a world for an hour of virtual time through a detector.
func (c *tally) hour(w *world) {
	var d LeakDetector
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	suspected, believed := map[string]float64{}, map[string]float64{}
	for step := 1; step <= 360; step++ {
		minute := float64(step) / 6
		for _, s := range w.sites {
			w.step(s, minute)
		}
		d.Observe(w.sample(start.Add(time.Duration(step) * simStep)))
		if step%3 != 0 {
			continue // the detector judges each half minute
		}
		for _, l := range d.Leaks() {
			if suspected[l.Site] == 0 {
				suspected[l.Site] = minute
			}
			if believed[l.Site] == 0 && l.Confidence != LeakSuspect {
				believed[l.Site] = minute
			}
		}
	}
	final := map[string]Leak{}
	for _, l := range d.Leaks() {
		final[l.Site] = l
	}
	for _, s := range w.sites {
		if s.leak == 0 {
			c.clean++
			c.flagged += one(suspected[s.name] > 0)
			c.believed += one(believed[s.name] > 0)
			continue
		}
		began := 0.0
		if s.name == "leak late" {
			began = w.late
		}
		l, ok := final[s.name]
		if !ok || believed[s.name] == 0 {
			c.missed = append(c.missed, s.name)
			continue
		}
		c.leaks++
		took := suspected[s.name] - began
		c.slowest = max(c.slowest, took)
		c.tardy += one(took > 25)
		off := math.Abs(l.GrowthBytesPerSecond*60/mib - s.leak)
		c.within += one(off <= 0.1*s.leak)
		c.covered += one(off <= l.GrowthMarginBytesPerSecond*60/mib)
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestLeaksInSimulation holds the detector to its bars on series it was not made with. Its
// seeds are from:count in UPSHIFT_LEAK_SEEDS.
func TestLeaksInSimulation(t *testing.T) {
	t.Parallel()
	from, count := uint64(1001), uint64(16)
	if text := os.Getenv("UPSHIFT_LEAK_SEEDS"); text != "" {
		if _, err := fmt.Sscanf(text, "%d:%d", &from, &count); err != nil {
			t.Fatalf("UPSHIFT_LEAK_SEEDS=%q: want from:count", text)
		}
	}
	var c tally
	for seed := from; seed < from+count; seed++ {
		c.hour(newWorld(seed, 64<<10))
	}
	t.Logf("%d clean sites: %d ever suspected, %d more than that; %d leaks found, the slowest after %.1f min, %d over 25; "+
		"rate within a tenth: %d, within its margin: %d",
		c.clean, c.flagged, c.believed, c.leaks, c.slowest, c.tardy, c.within, c.covered)
	if len(c.missed) > 0 {
		t.Errorf("missed %q", c.missed)
	}
	if 100*c.tardy > c.leaks {
		t.Errorf("%d of %d leaks took over 25 minutes, the slowest %.1f", c.tardy, c.leaks, c.slowest)
	}
	if 100*c.flagged > c.clean {
		t.Errorf("%d of %d clean sites flagged, want 1 %% at most", c.flagged, c.clean)
	}
	if 100*c.within < 90*c.leaks || 100*c.covered < 90*c.leaks {
		t.Errorf("of %d rates %d within a tenth, %d within their margin; want nine of ten", c.leaks, c.within, c.covered)
	}
}
