package rediscache_test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
)

const (
	historyKeys    = 2
	historyMembers = 3
	historyPhases  = 4
	historySteps   = 5 // of each of two goroutines of a member, in each phase
)

// historiesEnv is how many histories to check; without it a few, as there are other tests. CI checks
// 1000 by themselves, and 10000 take some minutes.
const historiesEnv = "UPSHIFT_HISTORIES"

func historiesWanted(t *testing.T) int {
	t.Helper()
	text := os.Getenv(historiesEnv)
	if text == "" {
		return len(faults()) * aFewHistories // each fault once
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number of histories (got %q)", historiesEnv, text)
	}
	return n
}

// actor is one process of a world, in which its histories have a named cache each.
type actor struct {
	number int
	tap    *tap
	group  *cache.Group
	all    []*actor
	// owedNothing is how many troubles there had been when it was seen to owe nothing.
	owedNothing atomic.Int64
}

// cast starts the processes of a world. They end with the test or when end is called.
func cast(t *testing.T, url string, broken rule, delay time.Duration) (all []*actor, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	end = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(end)
	all = make([]*actor, historyMembers)
	for i := range all {
		tier, err := rediscache.New(watchful(url), nil)
		check(t, err)
		a := &actor{number: i, tap: newTap(tier, broken, delay), all: all}
		a.owedNothing.Store(-1)
		a.group, err = cache.NewShared(cache.Config{}, a.tap)
		check(t, err)
		all[i] = a
		running.Go(func() { _ = a.group.Run(ctx) }) // it returns nil when ctx ends
	}
	return all, end
}

// settle waits until every process is connected, owes nothing, and has heard all there is to hear.
func settle(t *testing.T, all []*actor) {
	t.Helper()
	for _, a := range all {
		if !poll(a.settled) {
			t.Fatalf("a process does not settle: %+v", a.group.Stats().Redis)
		}
	}
}

// settled reports whether the process owes nothing and the others have heard all of it.
func (a *actor) settled() bool {
	troubles := a.tap.troubles.Load()
	if !a.heard() {
		return false
	}
	if troubles != a.owedNothing.Load() { // looking takes longer than all the rest
		if s := a.group.Stats().Redis; !s.Connected || s.Owed > 0 || !a.heard() {
			return false
		}
		a.owedNothing.Store(troubles)
	}
	return troubles == a.tap.troubles.Load()
}

// heard reports whether the others have heard all that the process did and that did not fail. They
// have not when a feed is being cut. Some messages go once all that was sent together has been done,
// so the first barrier may overtake them, and the second comes after.
func (a *actor) heard() bool {
	for range 2 {
		if !a.barrier() {
			return false
		}
	}
	return true
}

// barrier sends a message and reports whether the others have heard it.
func (a *actor) barrier() bool {
	name := barriers + crand.Text()
	var ears []chan struct{}
	for _, other := range a.all {
		if other != a {
			ears = append(ears, other.tap.hears(name))
			defer other.tap.forget(name)
		}
	}
	a.group.ClearTag(context.Background(), name)
	late := time.NewTimer(time.Second)
	defer late.Stop()
	for _, ear := range ears {
		select {
		case <-ear:
		case <-late.C:
			return false
		}
	}
	return !slices.ContainsFunc(a.all, func(other *actor) bool { return !other.tap.sound() })
}

// storyteller is one process in a history.
type storyteller struct {
	*history
	*actor
	texts *cache.Cache[int]
	fails bool // whether loaders fail at times
}

// plan says how to make a history.
type plan struct {
	cast  []*actor
	seed  uint64
	fails bool // whether loaders may fail at times
	// disturb is called during each phase, with the name of the history.
	disturb func(name string, rng *rand.Rand)
}

// run makes a history and returns it.
func (p plan) run(t *testing.T) *history {
	t.Helper()
	rng := rand.New(rand.NewPCG(p.seed, 1))
	h := &history{name: "h" + strconv.FormatUint(p.seed, 36)}
	limits := cache.Limits{TTL: time.Minute, MaxEntries: 1 + rng.IntN(historyKeys)}
	if rng.IntN(2) == 0 { // values are refreshed in the background
		limits.TTL, limits.StaleWhileRevalidate = 3*time.Millisecond, time.Minute
	}
	tellers := make([]*storyteller, len(p.cast))
	for i, a := range p.cast {
		texts, err := cache.Named(a.group, h.name, cache.Options[int]{Limits: limits, Codec: cache.JSON[int]{}})
		check(t, err)
		tellers[i] = &storyteller{history: h, actor: a, texts: texts, fails: p.fails && rng.IntN(4) == 0}
	}
	for range historyPhases {
		settle(t, p.cast)
		h.deliver()
		var acting sync.WaitGroup
		for _, m := range tellers {
			for range 2 {
				mine := rand.New(rand.NewPCG(rng.Uint64(), 2))
				acting.Go(func() {
					for range historySteps {
						m.step(t, mine)
					}
				})
			}
		}
		p.disturb(h.name, rng)
		acting.Wait()
	}
	settle(t, p.cast)
	h.deliver()
	for _, m := range tellers {
		for k := range historyKeys {
			m.load(t, k, rng)
		}
	}
	return h
}

func key(k int) string { return "k" + strconv.Itoa(k) }

// tag is that of a key, in this history alone.
func (m *storyteller) tag(k int) string { return m.name + key(k) }

var errLoader = errors.New("the loader failed")

// step does one thing at random.
func (m *storyteller) step(t *testing.T, rng *rand.Rand) {
	t.Helper()
	k := rng.IntN(historyKeys)
	for range rng.IntN(200) {
		runtime.Gosched()
	}
	call := m.now()
	waits, well := rng.IntN(3) == 0, m.tap.sound() // until the others have heard
	troubles := m.tap.troubles.Load()
	delivered := func() int64 {
		if waits && well && m.heard() && m.tap.troubles.Load() == troubles {
			return m.now()
		}
		return 0
	}
	kill := func(how string, keys ...int) {
		end, heard := m.now(), delivered()
		for _, k := range keys {
			m.add(event{kind: killed, process: m.number, key: k, how: how, call: call, end: end, delivered: heard})
		}
	}
	switch n := rng.IntN(16); {
	case n < 6:
		m.load(t, k, rng)
	case n < 9:
		if value, ok := m.texts.Get(key(k)); ok {
			m.add(event{kind: yielded, process: m.number, key: k, value: value, how: "get", call: call, end: m.now()})
		}
	case n < 11:
		value := int(m.values.Add(1))
		if err := m.texts.Set(key(k), value, cache.EntryOptions{Tags: []string{m.tag(k)}}); err != nil {
			t.Errorf("set: %v", err)
		}
		end := m.now()
		m.add(event{
			kind: wrote, process: m.number, key: k, value: value, how: "set", call: call, end: end, delivered: delivered(),
		})
	case n < 13:
		m.texts.Delete(key(k))
		kill("delete", k)
	case n < 14:
		m.group.ClearTag(t.Context(), m.tag(k))
		kill("tag", k)
	case n < 15:
		m.texts.ClearPattern("*" + strconv.Itoa(k))
		kill("pattern", k)
	default:
		m.texts.Clear()
		kill("clear", 0, 1)
	}
}

// load asks for a key. Its loader notes when it is entered.
func (m *storyteller) load(t *testing.T, k int, rng *rand.Rand) {
	t.Helper()
	call, takes, fails := m.now(), time.Duration(0), m.fails && rng.IntN(4) == 0
	if rng.IntN(2) == 0 {
		takes = time.Duration(rng.Int64N(int64(3*time.Millisecond + m.tap.delay)))
	}
	opts := cache.EntryOptions{Tags: []string{m.tag(k)}}
	value, err := m.texts.GetOrLoadWith(t.Context(), key(k), opts, func(context.Context) (int, error) {
		value, now := int(m.values.Add(1)), m.now()
		m.add(event{kind: born, process: m.number, key: k, value: value, how: "loader", call: now, end: now})
		if takes > 0 {
			<-time.NewTimer(takes).C
		}
		if fails {
			return 0, errLoader
		}
		return value, nil
	})
	switch {
	case err == nil:
		m.add(event{kind: yielded, process: m.number, key: k, value: value, how: "load", call: call, end: m.now()})
	case !errors.Is(err, errLoader):
		t.Errorf("load: %v", err)
	}
}
