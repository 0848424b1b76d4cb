package balancer

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A discrete-event simulator in virtual time: Poisson arrivals of lognormal work at servers
// with four slots each and one queue. It drives the very ledger and strategies of the pool.
// The setting is that of the table this package was designed after: 16 servers of 1× to
// 4× speed, mean work 100 ms on the slowest, callers that give up after five seconds.
type world struct {
	pool    *Pool
	rnd     *rand.Rand
	speeds  []float64
	servers []simServer
	slow    func(server int, at time.Duration) float64 // factor on the service time
	fails   func(server int, at time.Duration) float64 // probability of a fast error
	noise   float64                                    // sigma of the declared size
	oracle  bool
	events  events
	result  result
}

type simServer struct {
	busy  int
	queue []*simCall
	free  [slots]float64 // for the oracle: when each slot is free
}

type simCall struct {
	lease   *lease
	at      time.Duration
	work    float64 // seconds at speed 1
	server  int
	fastErr bool
}

const (
	slots      = 4
	giveUp     = 5 * time.Second
	meanWork   = 0.1
	warmUpTime = 10 * time.Second
)

type event struct {
	at   time.Duration
	seq  int
	call *simCall // nil: an arrival
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// result is what came out: all latencies, and per second what each server got.
type result struct {
	latencies []float64 // ms
	ok, all   int
	perSecond [][]int
}

func (r *result) p(q float64) float64 {
	slices.Sort(r.latencies)
	return r.latencies[min(int(q*float64(len(r.latencies))), len(r.latencies)-1)]
}

func (r *result) success() float64 { return 100 * float64(r.ok) / float64(r.all) }

// share returns the share of the calls in [from, to) that the server got.
func (r *result) share(server int, from, to time.Duration) float64 {
	mine, all := 0, 0
	for s := int(from / time.Second); s < int(to/time.Second) && s < len(r.perSecond); s++ {
		for i, n := range r.perSecond[s] {
			all += n
			if i == server {
				mine += n
			}
		}
	}
	return float64(mine) / float64(max(all, 1))
}

func newWorld(tb testing.TB, strategy string, seed uint64) *world {
	tb.Helper()
	if underRace {
		tb.Skip("one goroutine: nothing to race")
	}
	w := &world{rnd: rand.New(rand.NewPCG(seed, 7)), noise: 0.5}
	cfg := Config{Strategy: strategy}
	for i := range 16 {
		w.speeds = append(w.speeds, float64(1+i/4))
		cfg.Servers = append(cfg.Servers, ServerConfig{ID: fmt.Sprint("s", i), URL: fmt.Sprintf("http://10.0.0.%d", i+1)})
	}
	if strategy == "oracle" {
		cfg.Strategy = RoundRobin
	}
	pool, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	w.pool, w.servers = pool, make([]simServer, len(w.speeds))
	w.slow = func(int, time.Duration) float64 { return 1 }
	w.fails = func(int, time.Duration) float64 { return 0 }
	return w
}

// run plays for the given time at a share of the capacity.
func (w *world) run(load float64, length time.Duration) *result {
	capacity := 0.0
	for _, s := range w.speeds {
		capacity += s * slots
	}
	gap := meanWork / (capacity * load)
	seq := 0
	push := func(at time.Duration, c *simCall) {
		seq++
		heap.Push(&w.events, event{at, seq, c})
	}
	push(0, nil)
	for w.events.Len() > 0 {
		e := heap.Pop(&w.events).(event)
		if e.call != nil {
			w.finish(e.at, e.call, push)
			continue
		}
		if e.at < length {
			push(e.at+time.Duration(w.rnd.ExpFloat64()*gap*float64(time.Second)), nil)
			w.arrive(e.at, push)
		}
	}
	return &w.result
}

func (w *world) arrive(at time.Duration, push func(time.Duration, *simCall)) {
	const sigma = 1.0
	work := meanWork * math.Exp(sigma*w.rnd.NormFloat64()-sigma*sigma/2)
	class := classOfWork(1000 * work * math.Exp(w.noise*w.rnd.NormFloat64()))
	c := &simCall{at: at, work: work}
	failDraw := w.rnd.Float64()
	j := job{now: int64(at), class: class, size: w.pool.sizes.expect(class), rnd: w.rnd.Uint64()}
	if w.oracle {
		c.server = w.earliest(at, work)
	} else {
		l, err := w.pool.acquire(j, nil)
		if err != nil {
			return
		}
		c.lease = l
		c.server = slices.Index(w.pool.view.Load().servers, l.server)
	}
	c.fastErr = failDraw < w.fails(c.server, at)
	for int(at/time.Second) >= len(w.result.perSecond) {
		w.result.perSecond = append(w.result.perSecond, make([]int, len(w.speeds)))
	}
	w.result.perSecond[at/time.Second][c.server]++
	s := &w.servers[c.server]
	switch {
	case c.fastErr:
		push(at+2*time.Millisecond, c)
	case s.busy < slots:
		s.busy++
		push(at+w.service(c, at), c)
	default:
		s.queue = append(s.queue, c)
	}
}

func (w *world) service(c *simCall, at time.Duration) time.Duration {
	return time.Duration(c.work / w.speeds[c.server] * w.slow(c.server, at) * float64(time.Second))
}

func (w *world) earliest(at time.Duration, work float64) int {
	best, server, slot := math.Inf(1), 0, 0
	for i := range w.servers {
		if w.fails(i, at) > 0 {
			continue
		}
		free := 0
		for k := range slots {
			if w.servers[i].free[k] < w.servers[i].free[free] {
				free = k
			}
		}
		end := max(at.Seconds(), w.servers[i].free[free]) + work/w.speeds[i]*w.slow(i, at)
		if end < best {
			best, server, slot = end, i, free
		}
	}
	w.servers[server].free[slot] = best
	return server
}

func (w *world) finish(at time.Duration, c *simCall, push func(time.Duration, *simCall)) {
	v, took := succeeded, at-c.at
	if c.fastErr || took > giveUp {
		v = failing
	}
	if c.lease != nil {
		w.pool.end(c.lease, int64(at), outcome{v, int64(min(took, giveUp))})
	}
	if c.at >= warmUpTime {
		w.result.all++
		if v == succeeded {
			w.result.ok++
		}
		w.result.latencies = append(w.result.latencies, 1e3*min(took, giveUp).Seconds())
	}
	if c.fastErr {
		return
	}
	s := &w.servers[c.server]
	if len(s.queue) == 0 {
		s.busy--
		return
	}
	next := s.queue[0]
	s.queue = s.queue[1:]
	push(at+w.service(next, at), next)
}

// steadily returns the p99 over three seeds and the lowest success.
func steadily(t *testing.T, strategy string, load float64) (p99, success float64) {
	t.Helper()
	success = 100
	for seed := range uint64(3) {
		w := newWorld(t, strategy, seed)
		if strategy == "oracle" {
			w.oracle = true
		}
		r := w.run(load, 40*time.Second)
		p99 += r.p(0.99) / 3
		success = min(success, r.success())
	}
	return p99, success
}

// The order of the strategies on unequal servers is what they were chosen for.
func TestSimulatedOrder(t *testing.T) {
	t.Parallel()
	for _, load := range []float64{0.6, 0.75, 0.9} {
		oracle, _ := steadily(t, "oracle", load)
		got := map[string]float64{}
		for _, name := range Strategies() {
			p99, success := steadily(t, name, load)
			got[name] = p99
			t.Logf("load %.2f %-20s p99 %5.0f ms = %5.2f × oracle, success %6.2f %%", load, name, p99, p99/oracle, success)
			if fair := name != RoundRobin && name != WeightedRoundRobin; fair && success < 99.9 {
				t.Errorf("load %v: %s: success %.2f %%, want 99.9 %% or more: it herds", load, name, success)
			}
		}
		bound, near := 1.15, 0.85
		if load > 0.8 {
			bound, near = 1.25, 0.95
		}
		if got[Adaptive] > bound*oracle {
			t.Errorf("load %v: adaptive p99 %.0f ms, want at most %v × the oracle's %.0f ms", load, got[Adaptive], bound, oracle)
		}
		if got[Adaptive] > near*got[LeastResponseTime] {
			t.Errorf("load %v: adaptive p99 %.0f ms, want at most %v × least_response_time's %.0f ms", load, got[Adaptive], near, got[LeastResponseTime])
		}
		if got[LeastResponseTime] > got[LeastConnections] || got[LeastConnections] > got[RoundRobin] {
			t.Errorf("load %v: order lost: %v", load, got)
		}
	}
}

// True weights make weighted round robin and least connections much better than equal ones.
func TestSimulatedWeights(t *testing.T) {
	t.Parallel()
	for _, name := range []string{WeightedRoundRobin, LeastConnections} {
		equal, _ := steadily(t, name, 0.75)
		w := newWorld(t, name, 1)
		for i, s := range w.speeds {
			if err := w.pool.Update(fmt.Sprint("s", i), ServerPatch{Weight: &s}); err != nil {
				t.Fatal(err)
			}
		}
		r := w.run(0.75, 40*time.Second)
		t.Logf("%s p99: equal weights %.0f ms, true weights %.0f ms", name, equal, r.p(0.99))
		if r.p(0.99) > 0.9*equal {
			t.Errorf("%s: true weights give p99 %.0f ms, equal ones %.0f ms", name, r.p(0.99), equal)
		}
	}
}

// The fastest server fails 30 % of its calls at once. No retry, no ejection.
func TestSimulatedSinkhole(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		w := newWorld(t, Adaptive, seed)
		w.pool.view.Load().limits.ConsecutiveFailures = 1 << 30
		w.fails = func(s int, _ time.Duration) float64 {
			if s == 15 {
				return 0.3
			}
			return 0
		}
		if r := w.run(0.75, 40*time.Second); r.success() < 99.5 {
			t.Errorf("seed %d: success %.2f %%, want 99.5 %% or more", seed, r.success())
		}
	}
}

// A server becomes ten times slower at 15 s and heals at 30 s.
func TestSimulatedSlowServer(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for seed := range uint64(5) {
		w := newWorld(t, Adaptive, seed)
		w.slow = func(i int, at time.Duration) float64 {
			if i == 8 && at > 15*s && at < 30*s {
				return 10
			}
			return 1
		}
		r := w.run(0.75, 50*s)
		before, during, after := r.share(8, 10*s, 15*s), r.share(8, 17*s, 30*s), r.share(8, 40*s, 50*s)
		t.Logf("seed %d: share %.3f before, %.4f while slow, %.3f from 10 s after healing on", seed, before, during, after)
		if during > 0.01 {
			t.Errorf("seed %d: slow server got %.2f %% of the calls from 2 s on, want 1 %% at most", seed, 100*during)
		}
		if after < before/2 {
			t.Errorf("seed %d: healed server got %.2f %%, before %.2f %%: it did not recover", seed, 100*after, 100*before)
		}
	}
}

// Of equal servers none is starved.
func TestSimulatedFairness(t *testing.T) {
	t.Parallel()
	for _, name := range Strategies() {
		w := newWorld(t, name, 3)
		for i := range w.speeds {
			w.speeds[i] = 2
		}
		r := w.run(0.3, 40*time.Second)
		for i := range w.speeds {
			if got := r.share(i, 0, 40*time.Second) * 16; got < 0.5 || got > 2 {
				t.Errorf("%s: server %d got %.2f × its fair share", name, i, got)
			}
		}
	}
}
