package balancer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// promptFor returns a prompt of 2,048 tokens that begins with the family's prefix.
func promptFor(family uint64) *Prompt {
	p := &Prompt{Tokens: 2048, Output: 100, Stream: true}
	for i := range uint64(32) {
		p.Blocks = append(p.Blocks, splitmix(family<<32|i))
	}
	return p
}

// Families of prompts stay where they are known while the replicas are calm.
func TestPromptsStayWhereTheyAreKnown(t *testing.T) {
	t.Parallel()
	v, err := NewVirtual(Config{Servers: []ServerConfig{
		{ID: "a", URL: "http://10.0.0.1"},
		{ID: "b", URL: "http://10.0.0.2"},
		{ID: "c", URL: "http://10.0.0.3"},
		{ID: "d", URL: "http://10.0.0.4"},
	}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	home, moves := map[uint64]int{}, 0
	const calls = 4000
	for i := range calls {
		at, family := time.Duration(i)*100*time.Millisecond, rand.Uint64N(20)
		f, ok := v.Begin(VirtualCall{At: at, Prompt: promptFor(family), Stream: true})
		if !ok {
			t.Fatal("no place")
		}
		if was, known := home[family]; known && was != f.Server() {
			moves++
		}
		home[family] = f.Server()
		f.First(at + 20*time.Millisecond)
		f.End(at+80*time.Millisecond, true)
	}
	if moves > calls/20 {
		t.Errorf("%d of %d prompts went where their prefix is not known", moves, calls)
	}
	for _, s := range v.pool.view.Load().servers {
		if n := s.replica.seen.pending.Load(); n != 0 || s.replica.waiting != 0 {
			t.Errorf("server %s: %v tokens pending, %d waiting, want 0", s.id, n, s.replica.waiting)
		}
	}
}

// A prefix does not hold a server that is far more crowded than the others.
func TestPrefixIsBoundedByLoad(t *testing.T) {
	t.Parallel()
	p := poolOf(t, Adaptive, 3)
	used := map[string]int{}
	for range 90 { // nothing ends
		j := p.newJob(classOfWork(2048), promptFor(1))
		l, err := p.acquire(j, nil)
		if err != nil {
			t.Fatal(err)
		}
		used[l.server.id]++
	}
	for id, n := range used {
		if n > 60 {
			t.Errorf("server %s got %d of 90 calls: %v", id, n, used)
		}
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	var p prefixes
	a, b := p.place(), p.place()
	p.sent([]uint64{1, 2, 3}, a)
	p.sent([]uint64{1, 2, 9}, b)
	p.sent([]uint64{1}, -1) // a server without a place
	known := func(blocks ...uint64) [2]uint16 {
		var depth [prefixServers]uint16
		p.known(blocks, &depth)
		return [2]uint16{depth[a], depth[b]}
	}
	for _, c := range []struct {
		blocks []uint64
		want   [2]uint16
	}{
		{[]uint64{1, 2, 3, 4}, [2]uint16{3, 2}},
		{[]uint64{1, 2}, [2]uint16{2, 2}},
		{[]uint64{2, 3}, [2]uint16{1 + 1, 1}}, // a later block is a prefix of its own
		{[]uint64{7}, [2]uint16{}},
		{nil, [2]uint16{}},
	} {
		if got := known(c.blocks...); got != c.want {
			t.Errorf("%v: got %v, want %v", c.blocks, got, c.want)
		}
	}
	p.leave(a)
	if got := known(1, 2, 3); got != [2]uint16{0, 2} {
		t.Errorf("after a server left: %v", got)
	}
	if again := p.place(); again != a {
		t.Errorf("got place %d, want the free one, %d", again, a)
	}
	for range prefixServers {
		p.place()
	}
	if got := p.place(); got >= 0 {
		t.Errorf("place %d beyond the bound", got)
	}
}

func TestPrefixesAreBounded(t *testing.T) {
	t.Parallel()
	var p prefixes
	at := p.place()
	for i := range uint64(3 * maxPrefixBlocks) {
		p.sent([]uint64{0, splitmix(i)}, at) // block 0 is always in use
	}
	if n := len(p.young) + len(p.old); n > 2*maxPrefixBlocks {
		t.Errorf("%d blocks are held, want at most %d", n, 2*maxPrefixBlocks)
	}
	var depth [prefixServers]uint16
	p.known([]uint64{0}, &depth)
	if depth[at] != 1 {
		t.Error("a block in use was forgotten")
	}
	var old [prefixServers]uint16
	if p.known([]uint64{splitmix(0)}, &old); old[at] != 0 {
		t.Error("the oldest block is still there")
	}
}

// First tokens of real streams are noted, and nothing is left of calls that end in any way.
func TestPromptsThroughRealServers(t *testing.T) {
	t.Parallel()
	stream := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/json" {
			_, _ = io.WriteString(w, "{}")
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
	})
	p := newPool(t, Config{}, stream.URL)
	for i, path := range []string{"/ok", "/json", "/broken", "/ok"} {
		ctx := WithPrompt(t.Context(), *promptFor(uint64(i)))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://pool"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if broken := path == "/broken"; (err != nil) != broken {
			t.Errorf("%s: read body: %v", path, err)
		}
		_ = resp.Body.Close()
	}
	err := p.Do(WithPrompt(t.Context(), *promptFor(9)), func(context.Context, *Server) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	r := &p.view.Load().servers[0].replica
	if r.reads != 3 || r.waiting != 0 || r.seen.pending.Load() != 0 {
		t.Errorf("got %d first tokens, %d waiting, %v tokens pending; want 3, 0, 0", r.reads, r.waiting, r.seen.pending.Load())
	}
}

// A crowd's limit is found from first tokens that come late, and forgotten when it was a
// mistake.
func TestCrowd(t *testing.T) {
	t.Parallel()
	var c crowd
	c.limit.Store(2 * anyCrowd)
	for i := range 5000 {
		n := float64(i % 60)
		c.observe(min(n, 48), n > 48)
	}
	if got := c.limit.Load(); got < 40 || got > 56 {
		t.Errorf("limit %v, want about 48", got)
	}
	c.observe(2, true)
	for i := range 1000 {
		c.observe(float64(20+i%20), false)
	}
	if got := c.limit.Load(); got < 35 {
		t.Errorf("limit %v after calls among 39 others were not late", got)
	}
}

// The line of time over size is found again through noise, and never runs downwards.
func TestLine(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var l line
	for i := range int64(400) {
		x := 3000 * rnd.Float64()
		y := (0.02 + 1e-4*x) * (0.8 + 0.4*rnd.Float64())
		l.observe(i*1e7, x, y, 0.02+1e-4*x)
	}
	a, b := l.solve(0.1, 1e-3, 1000)
	if a < 0.014 || a > 0.026 || b < 0.9e-4 || b > 1.15e-4 {
		t.Errorf("got %v + %v x, want 0.02 + 1e-4 x", a, b)
	}
	var down line
	for i := range int64(100) {
		down.observe(i, float64(i), 1/float64(i+1), 1/float64(i+1))
	}
	if a, b := down.solve(0.1, 1e-3, 1000); a < 0 || b < 0 {
		t.Errorf("got %v + %v x", a, b)
	}
}

// BenchmarkPickPrompt is the choice for a prompt of 40 blocks.
func BenchmarkPickPrompt(b *testing.B) {
	for _, n := range []int{4, 16, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := warmPool(b, Adaptive, n)
			v, j := p.view.Load(), p.newJob(classEmpty, promptFor(1))
			f := p.newPromptFlight(j.asked)
			p.prefixes.sent(f.Blocks, 0)
			b.ReportAllocs()
			for b.Loop() {
				j.rnd = splitmix(j.rnd)
				p.pick(v, j, f)
			}
		})
	}
}
