package rediscache_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/internal/redistest"
)

const (
	// historiesAtATime share a server and processes, each with a cache of its own.
	historiesAtATime = 50
	aFewHistories    = 20
)

// worlds bounds how many run at the same time: a machine that is too busy has no feeds.
var worlds = make(chan struct{}, 2)

// evict removes about half of what a history has in the server, as a server short of memory may, and
// at times what all need.
const evict = `for _, k in ipairs(redis.call('KEYS', ARGV[1])) do ` +
	`if math.random() < 0.5 then redis.call('UNLINK', k) end ` +
	`end ` +
	`if math.random() < 0.1 then redis.call('UNLINK', ARGV[2]) end return 1`

// fault is what happens to a server while histories run.
type fault struct {
	name string
	do   func(t *testing.T, s *redistest.Server)
	// each is done by every history for itself.
	each func(t *testing.T, s *redistest.Server, name string)
}

func faults() []fault {
	return []fault{
		{name: "none"},
		{name: "eviction", each: func(t *testing.T, s *redistest.Server, name string) {
			t.Helper()
			must(t, s, "EVAL", evict, "0", "upshift:*"+name+"*", "upshift:2:g:g")
		}},
		{name: "feeds cut", do: func(t *testing.T, s *redistest.Server) { t.Helper(); must(t, s, "CLIENT", "KILL", "TYPE", "pubsub") }},
		{name: "none again"},
		{name: "connections cut", do: func(t *testing.T, s *redistest.Server) { t.Helper(); must(t, s, "CLIENT", "KILL", "TYPE", "normal") }},
		{name: "restart", do: func(t *testing.T, s *redistest.Server) { t.Helper(); check(t, s.Restart(t.Context())) }},
		{name: "black hole", do: func(t *testing.T, s *redistest.Server) {
			t.Helper()
			check(t, s.Pause())
			timer := time.NewTimer(2500 * time.Millisecond) // feeds notice after 1.5 s
			<-timer.C
			check(t, s.Resume())
		}},
	}
}

// world runs histories over one server, with a fault in one of their phases.
func world(t *testing.T, f fault, histories int, seed uint64, broken rule) (violation []event, seen uint64) {
	t.Helper()
	worlds <- struct{}{}
	defer func() { <-worlds }()
	server := redistest.Start(t)
	delay, patience := time.Duration(rand.New(rand.NewPCG(seed, 3)).IntN(2))*2*time.Millisecond, time.Minute
	if broken == fencing {
		delay = 60 * time.Millisecond // messages that come late are what fences are for
	}
	if broken != "" {
		patience = time.Second // what breaks the promise may take long to be sure of
	}
	all, end := cast(t, server.URL(), broken, delay)
	defer end()
	// After a failed load there is no lease, and marks that are evicted count.
	p := plan{cast: all, seed: seed, fails: f.each == nil}
	var arrived atomic.Int64
	var once sync.Once
	p.disturb = func(name string, rng *rand.Rand) {
		for range rng.IntN(100) {
			runtime.Gosched()
		}
		if f.each != nil {
			f.each(t, server, name)
		}
		if f.do != nil && arrived.Add(1) == int64(1+histories*historyPhases/2) { // about half way
			once.Do(func() { f.do(t, server) })
		}
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	for i := range histories {
		running.Go(func() {
			mine := p
			mine.seed += uint64(i)
			h := mine.run(t)
			bad, sure := h.check(t, historyMembers, historyKeys, patience)
			if !sure && broken == "" {
				t.Errorf("seed %d: a history could not be checked", mine.seed)
			}
			mu.Lock()
			defer mu.Unlock()
			seen += uint64(h.length())
			if bad != nil {
				violation = bad
			}
		})
	}
	running.Wait()
	return violation, seen
}

// Random histories of three processes keep the promise, whatever happens to the server.
func TestHistories(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("histories take a while")
	}
	wanted := historiesWanted(t)
	together := historiesAtATime
	if wanted < len(faults())*together {
		together = max(wanted/len(faults()), 1)
	}
	seed := rand.Uint64() >> 16
	t.Logf("%d histories, seed %d", wanted, seed)
	var events atomic.Uint64
	var next atomic.Int64
	var all sync.WaitGroup
	for range cap(worlds) {
		all.Go(func() {
			for n := int(next.Add(1) - 1); n*together < wanted && !t.Failed(); n = int(next.Add(1) - 1) {
				f, first := faults()[n%len(faults())], seed+uint64(n*together)
				violation, seen := world(t, f, min(together, wanted-n*together), first, "")
				if events.Add(seen); violation != nil {
					t.Errorf("with fault %q, seed %d, the promise is broken:\n%s", f.name, first, describe(violation))
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d events", events.Load())
}

// Each rule is needed: without it the checker finds a history that breaks the promise.
func TestHistoriesFindABrokenRule(t *testing.T) {
	t.Parallel()
	for _, broken := range brokenRules {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			f := faults()[0]
			if broken == reconnecting {
				f = faults()[2]
			}
			for round := range 100 {
				if violation, _ := world(t, f, aFewHistories, rand.Uint64()>>16, broken); violation != nil {
					t.Logf("%s: found in round %d", broken, round)
					return
				}
			}
			t.Error("nothing is found without it")
		})
	}
}
