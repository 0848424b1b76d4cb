package balancer

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// poolOf returns a pool of n servers with the given weights (1 where there is none).
func poolOf(tb testing.TB, strategy string, n int, weights ...float64) *Pool {
	tb.Helper()
	cfg := Config{Strategy: strategy}
	for i := range n {
		c := ServerConfig{ID: fmt.Sprint("s", i), URL: fmt.Sprintf("http://10.1.%d.%d", i/250, 1+i%250)}
		if i < len(weights) {
			c.Weight = weights[i]
		}
		cfg.Servers = append(cfg.Servers, c)
	}
	p, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// sequence picks n calls, all ended at once, and returns the servers.
func sequence(t *testing.T, p *Pool, n int) (ids []string) {
	t.Helper()
	for range n {
		l, err := p.acquire(p.newJob(classEmpty, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, l.server.id)
		p.end(l, p.now(), outcome{succeeded, 1e6})
	}
	return ids
}

func count(ids []string) map[string]int {
	n := map[string]int{}
	for _, id := range ids {
		n[id]++
	}
	return n
}

func TestRoundRobin(t *testing.T) {
	t.Parallel()
	got := sequence(t, poolOf(t, RoundRobin, 3), 9)
	for i := range got[3:] {
		if got[i] != got[i+3] {
			t.Fatalf("got %v, want the same three over and over", got)
		}
	}
	if n := count(got); len(n) != 3 {
		t.Errorf("got %v, want all three servers", n)
	}
}

func TestWeightedRoundRobinIsSmooth(t *testing.T) {
	t.Parallel()
	p := poolOf(t, WeightedRoundRobin, 3, 5, 1, 1)
	sequence(t, p, 70) // from the random start into the cycle
	got := sequence(t, p, 70)
	if n := count(got); n["s0"] != 50 || n["s1"] != 10 || n["s2"] != 10 {
		t.Errorf("got %v, want 50, 10, 10", n)
	}
	for i := range got[4:] {
		if n := count(got[i : i+5]); n["s0"] == 5 {
			t.Fatalf("a burst of five at %d: %v", i, got)
		}
	}
}

func TestLeastConnections(t *testing.T) {
	t.Parallel()
	p := poolOf(t, LeastConnections, 3, 2, 1, 1)
	n := map[string]int{}
	for range 40 { // nothing ends: in flight follows the weights
		l, err := p.acquire(p.newJob(classEmpty, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		n[l.server.id]++
	}
	if n["s0"] != 20 || n["s1"] != 10 || n["s2"] != 10 {
		t.Errorf("got %v, want 20, 10, 10", n)
	}
}

func TestTiesAreRandom(t *testing.T) {
	t.Parallel()
	p := poolOf(t, LeastConnections, 8)
	for id, n := range count(sequence(t, p, 8000)) {
		if n < 800 || n > 1200 {
			t.Errorf("idle server %s got %d of 8000 calls, want about 1000", id, n)
		}
	}
}

func TestLeastResponseTimePrices(t *testing.T) {
	t.Parallel()
	var s leastResponseTime
	slow := s.price(reading{weight: 1, latency: 0.1, inFlight: 0})
	fast := s.price(reading{weight: 1, latency: 0.01, inFlight: 20})
	if slow.base >= fast.base {
		t.Errorf("an idle server (%v) must beat one that is ten times as fast with 20 calls (%v)", slow, fast)
	}
}

func TestFastFailureIsNoSpeed(t *testing.T) {
	t.Parallel()
	p := poolOf(t, LeastResponseTime, 2)
	s := p.view.Load().servers[0]
	for range 50 {
		l := s.begin(p.newJob(classEmpty, nil), s.seat.row, nil)
		p.end(l, p.now(), outcome{succeeded, 1e8})
	}
	before := s.latency.seconds
	l := s.begin(p.newJob(classEmpty, nil), s.seat.row, nil)
	p.end(l, p.now(), outcome{failing, 1e5})
	if s.latency.seconds != before {
		t.Errorf("a failure in 0.1 ms moved the response time from %v to %v", before, s.latency.seconds)
	}
}

func TestResourceBased(t *testing.T) {
	t.Parallel()
	p := poolOf(t, ResourceBased, 2)
	s := p.view.Load().servers
	now := p.now()
	s[0].reported(now, map[string][]string{"X-Upshift-Load": {"0.9"}})
	s[1].reported(now, map[string][]string{"X-Upshift-Load": {"0.1"}})
	if n := count(sequence(t, p, 50)); n["s1"] < 45 {
		t.Errorf("got %v, want nearly all on the server with load 0.1", n)
	}
	late := now + int64(reportAge)
	if got := s[0].report.faded(late, 0.3); got != 0.3 {
		t.Errorf("a report of %v counts as %v, want the pool's mean 0.3", reportAge, got)
	}
	half := s[0].report.faded(now+int64(reportFade), 0.3)
	if half <= 0.3 || half >= 0.9 {
		t.Errorf("after %v a report of 0.9 counts as %v, want between 0.3 and 0.9", reportFade, half)
	}
}

func TestLargePoolIsSampled(t *testing.T) {
	t.Parallel()
	for _, name := range Strategies() {
		p, used := poolOf(t, name, 200), map[string]bool{}
		for i := range int64(20000) { // 1000 calls a second of 20 ms each
			j := job{now: i * 1e6, size: p.sizes.expect(0), rnd: splitmix(uint64(i))}
			l, err := p.acquire(j, nil)
			if err != nil {
				t.Fatal(err)
			}
			used[l.server.id] = true
			p.end(l, j.now+2e7, outcome{succeeded, 2e7})
		}
		if len(used) < 190 {
			t.Errorf("%s: only %d of 200 servers were used", name, len(used))
		}
	}
}

func TestFullServersAreSkipped(t *testing.T) {
	t.Parallel()
	for _, name := range Strategies() {
		p := poolOf(t, name, 100)
		one := 1
		for i := range 100 {
			if err := p.Update(fmt.Sprint("s", i), ServerPatch{MaxConnections: &one}); err != nil {
				t.Fatal(err)
			}
		}
		var leases []*lease
		for range 100 {
			l, err := p.acquire(p.newJob(classEmpty, nil), nil)
			if err != nil {
				t.Fatalf("%s: after %d calls: %v", name, len(leases), err)
			}
			leases = append(leases, l)
		}
		if _, err := p.acquire(p.newJob(classEmpty, nil), nil); err == nil {
			t.Errorf("%s: the 101st call found a place", name)
		}
		for _, l := range leases {
			p.end(l, p.now(), outcome{succeeded, 1e6})
		}
		if _, err := p.acquire(p.newJob(classEmpty, nil), nil); err != nil {
			t.Errorf("%s: no place after all ended: %v", name, err)
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	for _, name := range Strategies() {
		p := poolOf(t, name, 64)
		v, j := p.view.Load(), p.newJob(classEmpty, nil)
		if got := testing.AllocsPerRun(1000, func() {
			j.rnd = splitmix(j.rnd)
			p.pick(v, j, nil)
		}); got != 0 {
			t.Errorf("%s: %v allocations a pick, want 0", name, got)
		}
	}
}

// BenchmarkPick is the choice alone, on one core.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{4, 16, 64, 256} {
		for _, name := range Strategies() {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				p := warmPool(b, name, n)
				v, j := p.view.Load(), p.newJob(classEmpty, nil)
				b.ReportAllocs()
				for b.Loop() {
					j.rnd = splitmix(j.rnd)
					p.pick(v, j, nil)
				}
			})
		}
	}
}

// BenchmarkPickParallel is the same on all cores, as the figures of rivals are given.
func BenchmarkPickParallel(b *testing.B) {
	for _, name := range Strategies() {
		b.Run(name+"/64", func(b *testing.B) {
			p := warmPool(b, name, 64)
			v := p.view.Load()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				j := p.newJob(classEmpty, nil)
				for pb.Next() {
					j.rnd = splitmix(j.rnd)
					p.pick(v, j, nil)
				}
			})
		})
	}
}

// BenchmarkCall is a whole call in the ledger: pick, begin, end, everything learnt.
func BenchmarkCall(b *testing.B) {
	for _, name := range Strategies() {
		b.Run(name+"/16", func(b *testing.B) {
			p := warmPool(b, name, 16)
			b.ReportAllocs()
			for b.Loop() {
				l, err := p.acquire(p.newJob(classEmpty, nil), nil)
				if err != nil {
					b.Fatal(err)
				}
				p.end(l, p.now(), outcome{succeeded, 1e6})
			}
		})
	}
}

// warmPool returns a pool whose servers have unlike histories and calls in flight.
func warmPool(b *testing.B, name string, n int) *Pool {
	b.Helper()
	p := poolOf(b, name, n)
	for _, s := range p.view.Load().servers {
		for range 20 {
			l := s.begin(p.newJob(classEmpty, nil), s.seat.row, nil)
			if rand.IntN(4) > 0 {
				p.end(l, p.now(), outcome{succeeded, 1e6 + rand.Int64N(1e7)})
			}
		}
	}
	return p
}
