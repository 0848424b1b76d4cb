package rediscache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
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

// historiesEnv is how many histories to check; without it 1000 where the environment has CI set, or
// a few, for the machine of whoever works on this.
const historiesEnv = "UPSHIFT_HISTORIES"

func historiesWanted(t *testing.T) int {
	t.Helper()
	text := os.Getenv(historiesEnv)
	switch {
	case text != "":
	case os.Getenv("CI") != "":
		return 1000
	default:
		return 7 * historiesAtATime // each fault once
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number of histories (got %q)", historiesEnv, text)
	}
	return n
}

// storyteller is one process of a history.
type storyteller struct {
	*history
	number int
	tap    *tap
	group  *cache.Group
	texts  *cache.Cache[int]
	fails  bool // whether loaders fail at times
	all    []*storyteller
}

// plan says how to make a history.
type plan struct {
	url    string // of the server
	seed   uint64
	broken rule
	fails  bool // whether loaders may fail at times
	delay  time.Duration
	// disturb is called during each phase, with the prefix of the history.
	disturb func(prefix string, rng *rand.Rand)
}

// run makes a history and returns it.
func (p plan) run(t *testing.T) *history {
	t.Helper()
	rng := rand.New(rand.NewPCG(p.seed, 1))
	h := &history{}
	prefix := "h" + strconv.FormatUint(p.seed, 36)
	if p.delay = time.Duration(rng.IntN(2)) * 2 * time.Millisecond; p.broken == fencing {
		p.delay = 15 * time.Millisecond // messages that come late are what fences are for
	}
	limits := cache.Limits{TTL: time.Minute, MaxEntries: 1 + rng.IntN(historyKeys)}
	if rng.IntN(2) == 0 { // values are refreshed in the background
		limits.TTL, limits.StaleWhileRevalidate = 3*time.Millisecond, time.Minute
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	members := make([]*storyteller, historyMembers)
	for i := range members {
		members[i] = &storyteller{history: h, number: i, fails: p.fails && rng.IntN(4) == 0, all: members}
		members[i].join(t, p, prefix, limits)
		running.Go(func() { _ = members[i].group.Run(ctx) }) // it returns nil when ctx ends
	}
	for range historyPhases {
		settle(t, members)
		h.deliver()
		var acting sync.WaitGroup
		for _, m := range members {
			for range 2 {
				mine := rand.New(rand.NewPCG(rng.Uint64(), 2))
				acting.Go(func() {
					for range historySteps {
						m.step(t, mine)
					}
				})
			}
		}
		p.disturb(prefix, rng)
		acting.Wait()
	}
	settle(t, members)
	h.deliver()
	for _, m := range members {
		for k := range historyKeys {
			m.load(t, k, rng)
		}
	}
	return h
}

// join gives the member a group of its own.
func (m *storyteller) join(t *testing.T, p plan, prefix string, limits cache.Limits) {
	t.Helper()
	cfg := patient(p.url)
	cfg.Prefix = prefix
	tier, err := rediscache.New(cfg, nil)
	check(t, err)
	m.tap = &tap{Tier: tier, broken: p.broken, delay: p.delay, heard: map[string]bool{}}
	m.group, err = cache.NewShared(cache.Config{}, m.tap)
	check(t, err)
	m.texts, err = cache.Named(m.group, "texts", cache.Options[int]{Limits: limits, Codec: cache.JSON[int]{}})
	check(t, err)
}

// settle waits until every member is connected, owes nothing, and has heard all there is to hear.
func settle(t *testing.T, members []*storyteller) {
	t.Helper()
	for _, m := range members {
		if !poll(func() bool { return m.ready() && m.heard() && m.ready() }) {
			t.Fatalf("a member does not settle: %+v", m.group.Stats().Redis)
		}
	}
}

// ready reports whether all of what the member did is in the second tier.
func (m *storyteller) ready() bool {
	s := m.group.Stats().Redis
	return s.Connected && s.Queued == 0 && s.Owed == 0 && s.Unsent == 0
}

// sent waits until the member is ready, for a moment.
func (m *storyteller) sent() bool {
	return pollFor(50*time.Millisecond, m.ready)
}

// heard sends a message and reports whether the others have heard it, and so all before it. They
// have not when a feed is being cut.
func (m *storyteller) heard() bool {
	barrier := fmt.Sprintf("barrier %d", m.now())
	m.group.ClearTag(context.Background(), barrier)
	return pollFor(time.Second, func() bool {
		for _, other := range m.all {
			if other != m && !(other.tap.has(barrier) && other.group.Stats().Redis.Connected) {
				return false
			}
		}
		return true
	})
}

func key(k int) string { return "k" + strconv.Itoa(k) }

var errLoader = errors.New("the loader failed")

// step does one thing at random.
func (m *storyteller) step(t *testing.T, rng *rand.Rand) {
	t.Helper()
	k := rng.IntN(historyKeys)
	for range rng.IntN(200) {
		runtime.Gosched()
	}
	call := m.now()
	waits := rng.IntN(3) == 0 // until the others have heard
	delivered := func() int64 {
		if waits && m.sent() && m.heard() {
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
		if err := m.texts.Set(key(k), value, cache.EntryOptions{Tags: []string{key(k)}}); err != nil {
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
		m.group.ClearTag(t.Context(), key(k))
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
		takes = time.Duration(rng.Int64N(int64(3 * time.Millisecond)))
	}
	opts := cache.EntryOptions{Tags: []string{key(k)}}
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
