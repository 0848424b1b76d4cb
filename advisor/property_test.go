package advisor

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/postgres"
)

// snapshots is how many random ones each property is tried on.
const snapshots = 5000

// random makes a snapshot of what parts may show, extremes included.
func random(seed uint64) Snapshot {
	r := rand.New(rand.NewPCG(seed, 7))
	maybe := func() bool { return r.IntN(2) == 0 }
	s := Snapshot{At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Parts: []Part{}, Loops: []Loop{}, Alerts: []alert.Alert{}}
	if maybe() {
		s.Thresholds.MemoryUsagePercent = 100 * r.Float64()
	}
	if maybe() {
		s.Cache = randomCache(r)
	}
	if maybe() {
		s.Memory = randomMemory(r)
	}
	if maybe() {
		s.Balancer = randomBalancer(r)
	}
	if maybe() {
		s.Database = &postgres.Stats{
			Connected: maybe(), SlowQueries: r.IntN(20) * r.IntN(2),
			Pool: postgres.PoolStats{
				Size: 20, Max: r.IntN(21), CheckedOut: r.IntN(40), Overflow: r.IntN(3) * r.IntN(2), Peak: r.IntN(20), Total: r.IntN(20),
			},
			Queries: postgres.QueryStats{Total: uint64(r.IntN(40)), MaxSeconds: 10 * r.Float64(), MeanSeconds: r.Float64()},
		}
		if maybe() {
			s.Database.LastError = "dial: refused"
		}
	}
	return s
}

func randomCache(r *rand.Rand) *cache.Stats {
	named := func() cache.NamedStats {
		hits, misses := uint64(r.IntN(300)), uint64(r.IntN(300))
		return cache.NamedStats{
			Hits: hits, Misses: misses, Requests: hits + misses, HitRatio: float64(hits) / float64(max(hits+misses, 1)),
			Evictions: uint64(r.IntN(400)), Curve: randomCurve(r), CurveLookups: uint64(r.IntN(5000)),
			MaxEntries: r.IntN(2000), MaxBytes: int64(r.IntN(1 << 20)), MeanLoadSeconds: r.Float64() * float64(r.IntN(2)),
		}
	}
	c := &cache.Stats{Caches: map[string]cache.NamedStats{}, MemoryUsageRatio: r.Float64(), Bytes: int64(r.IntN(1 << 20)), MaxBytes: 1 << 20}
	for i := range r.IntN(4) {
		n := named()
		c.Caches[fmt.Sprint("cache", i)] = n
		c.Hits, c.Misses, c.Requests, c.Evictions = c.Hits+n.Hits, c.Misses+n.Misses, c.Requests+n.Requests, c.Evictions+n.Evictions
	}
	c.HitRatio = float64(c.Hits) / float64(max(c.Requests, 1))
	return c
}

// randomCurve is a curve that need not grow, or none.
func randomCurve(r *rand.Rand) (curve []cache.CurvePoint) {
	if r.IntN(2) == 0 {
		return nil
	}
	for _, scale := range []float64{0.25, 0.5, 1, 2, 4} {
		curve = append(curve, cache.CurvePoint{
			Scale: scale, Entries: r.IntN(3000), Bytes: int64(r.IntN(1 << 20)), HitRatio: r.Float64(), ErrorRatio: r.Float64() / 10,
		})
	}
	return curve
}

func randomMemory(r *rand.Rand) *memory.Stats {
	m := &memory.Stats{
		System:     memory.System{TotalBytes: 1 << 34, UsedPercent: 110 * r.Float64()},
		LimitBytes: int64(r.IntN(1 << 30)), Process: memory.Process{RSSAnonBytes: int64(r.IntN(1 << 31))},
		Pools: map[string]memory.PoolStats{}, Leaks: []memory.Leak{},
	}
	for i := range r.IntN(5) * r.IntN(2) {
		m.Leaks = append(m.Leaks, memory.Leak{Kind: "heap", Site: fmt.Sprint("f.go:", i), Confidence: "probable", GrowthBytesPerSecond: 1000 * r.Float64()})
	}
	for _, name := range []string{"small", "medium", "large"} {
		hits, misses := uint64(r.IntN(100)), uint64(r.IntN(100))
		m.Pools[name] = memory.PoolStats{Hits: hits, Misses: misses, HitRatio: float64(hits) / float64(max(hits+misses, 1)), Max: 10}
	}
	return m
}

func randomBalancer(r *rand.Rand) *balancer.Stats {
	b := &balancer.Stats{Servers: map[string]balancer.ServerStats{}, Recent: balancer.Outcomes{SuccessPercent: 100}}
	states := []string{balancer.StatusHealthy, balancer.StatusDegraded, balancer.StatusUnhealthy, balancer.StatusMaintenance}
	for i := range r.IntN(6) {
		sv := balancer.ServerStats{ID: fmt.Sprint("s", i), Status: states[r.IntN(4)], ErrorPercent: 100 * r.Float64()}
		if r.IntN(2) == 0 {
			sv.LastCheckError = "GET /health: answered 500"
		}
		b.Servers[sv.ID] = sv
		b.TotalServers++
		if sv.Status == balancer.StatusHealthy || sv.Status == balancer.StatusDegraded {
			b.HealthyServers++
		}
	}
	if ended := r.IntN(60); ended > 0 {
		failed := r.IntN(ended)
		b.Recent = balancer.Outcomes{
			Succeeded: uint64(ended - failed), Failed: uint64(failed), SuccessPercent: 100 * float64(ended-failed) / float64(ended),
		}
	}
	return b
}

// weights are the four parts' of the contract.
func weights() map[string]float64 {
	return map[string]float64{"cache": 30, "memory": 25, "load_balancer": 25, "database": 20}
}

func TestScoreHolds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(snapshots) {
		s := random(seed)
		h := Score(s)
		if err := healthFault(s, h); err != "" {
			t.Fatalf("seed %d: %s\n%+v", seed, err, h)
		}
		if !reflect.DeepEqual(h, Score(s)) {
			t.Fatalf("seed %d: not the same twice", seed)
		}
	}
}

// healthFault says what is wrong with a verdict; empty when nothing is.
func healthFault(s Snapshot, h Health) string {
	if !(h.Score >= 0 && h.Score <= 100) || !(h.Confidence >= 0 && h.Confidence <= 1) {
		return "score or confidence out of bounds"
	}
	if want := gradeOf(h.Score); h.Grade != want {
		return "grade is not " + want
	}
	inUse := map[string]bool{
		"cache": s.Cache != nil, "memory": s.Memory != nil, "load_balancer": s.Balancer != nil, "database": s.Database != nil,
	}
	total, sum, points, lost := 0.0, 0.0, 0.0, 0.0
	for name, w := range weights() {
		if inUse[name] {
			total += w
		}
	}
	if len(h.Components) != 4 {
		return "not four components"
	}
	for _, c := range h.Components {
		switch {
		case !inUse[c.Name] && (c.Status != "disabled" || c.Weight != 0 || c.Points != 0):
			return c.Name + " counts and is not in use"
		case inUse[c.Name] && math.Abs(c.Weight-weights()[c.Name]/total) > 0.0006:
			return c.Name + " has a wrong weight"
		case inUse[c.Name] && (c.Status == "degraded") != (c.Points < 75) && c.Points != 75:
			return c.Name + " has a wrong status"
		case !(c.Points >= 0 && c.Points <= 100):
			return c.Name + " has points out of bounds"
		}
		sum += c.Weight
		points += c.Points * c.Weight
	}
	if total > 0 && (math.Abs(sum-1) > 0.003 || math.Abs(points-h.Score) > 0.4) {
		return fmt.Sprintf("weights add up to %v, points to %v", sum, points)
	}
	if h.Causes == nil {
		return "no list of causes"
	}
	for i, c := range h.Causes {
		if !(c.Lost > 0) || c.Reason == "" || c.Action == "" || !inUse[c.Component] {
			return fmt.Sprintf("cause %d: %+v", i, c)
		}
		if i > 0 && c.Lost > h.Causes[i-1].Lost {
			return "causes are not sorted"
		}
		lost += c.Lost
	}
	if math.Abs(100-h.Score-lost) > 0.09 { // rounding of the score and of each cause
		return fmt.Sprintf("%v points are lost, the causes explain %v", 100-h.Score, lost)
	}
	return ""
}

func gradeOf(score float64) string {
	for _, g := range []struct {
		from float64
		name string
	}{{90, "excellent"}, {75, "good"}, {60, "fair"}} {
		if score >= g.from {
			return g.name
		}
	}
	return "poor"
}

func TestFindingsHold(t *testing.T) {
	t.Parallel()
	priorities := []string{"critical", "high", "medium", "low"}
	digits := regexp.MustCompile(`NaN|Inf|%!`)
	seen := map[string]bool{}
	for seed := range uint64(snapshots) {
		s := random(seed)
		found := Findings(s)
		if found == nil {
			t.Fatal("no list")
		}
		ids := map[string]bool{}
		for i, f := range found {
			rank := slices.Index(priorities, f.Priority)
			switch {
			case f.ID == "" || ids[f.ID]:
				t.Fatalf("seed %d: id %q is empty or there twice", seed, f.ID)
			case rank < 0:
				t.Fatalf("seed %d: priority %q", seed, f.Priority)
			case i > 0 && rank < slices.Index(priorities, found[i-1].Priority):
				t.Fatalf("seed %d: %s is behind a less urgent one", seed, f.ID)
			case !slices.Contains(slices.Collect(maps.Keys(weights())), f.Type):
				t.Fatalf("seed %d: type %q", seed, f.Type)
			case f.Title == "" || f.Description == "" || f.Action == "" || f.ExpectedGain == "" || f.Risk == "" || f.State != "open":
				t.Fatalf("seed %d: something is missing: %+v", seed, f)
			case len(f.Evidence) == 0 || slices.Contains(f.Evidence, "") || len(f.Digest) != 16:
				t.Fatalf("seed %d: no evidence or digest: %+v", seed, f)
			case digits.MatchString(fmt.Sprint(f)):
				t.Fatalf("seed %d: a number that is none: %+v", seed, f)
			}
			ids[f.ID] = true
			seen[strings.TrimRight(f.ID, "0123456789")] = true
		}
		if !reflect.DeepEqual(found, Findings(s)) {
			t.Fatalf("seed %d: not the same twice", seed)
		}
	}
	if len(seen) < 14 { // the generator reaches every rule
		t.Errorf("only %d kinds of findings were made: %v", len(seen), slices.Sorted(maps.Keys(seen)))
	}
}

// Less of something good never gives a better score.
func TestScoreIsMonotonic(t *testing.T) {
	t.Parallel()
	sweep := func(name string, at func(x float64) Snapshot) {
		before := math.Inf(1)
		for i := range 1001 {
			got := Score(at(float64(i) / 10)).Score
			if got > before {
				t.Errorf("%s: %v at %v %%, %v before", name, got, float64(i)/10, before)
			}
			before = got
		}
		if before > 60 {
			t.Errorf("%s: the worst costs only %v points", name, 100-before)
		}
	}
	for _, threshold := range []float64{0, 5, 15, 50, 85, 99} {
		sweep(fmt.Sprint("memory in use, threshold ", threshold), func(x float64) Snapshot {
			s := Snapshot{Memory: &memory.Stats{System: memory.System{UsedPercent: x}}}
			s.Thresholds.MemoryUsagePercent = threshold
			return s
		})
	}
	sweep("misses", func(x float64) Snapshot {
		return Snapshot{Cache: &cache.Stats{Requests: 1000, HitRatio: 1 - x/100}}
	})
	sweep("failures", func(x float64) Snapshot {
		return Snapshot{Balancer: &balancer.Stats{TotalServers: 1, HealthyServers: 1, Recent: outcomes(1000, 100-x)}}
	})
}

// What is not a number costs nothing and spoils nothing.
func TestScoreOfNoNumbers(t *testing.T) {
	t.Parallel()
	h := Score(Snapshot{
		Cache:    &cache.Stats{Requests: 1000, HitRatio: math.NaN()},
		Balancer: &balancer.Stats{TotalServers: 1, HealthyServers: 1, Recent: outcomes(1000, math.NaN())},
		Memory:   &memory.Stats{System: memory.System{UsedPercent: math.NaN()}},
	})
	if h.Score != 100 || len(h.Causes) != 0 {
		t.Errorf("%+v", h)
	}
}
