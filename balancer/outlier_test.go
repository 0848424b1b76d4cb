package balancer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// play gives each server of a pool calls at one moment, of which a share fails, with a latency.
func play(p *Pool, now int64, calls int, shares []float64, latency []time.Duration) {
	for i, s := range p.view.Load().servers {
		for n := range calls {
			l := s.begin(job{now: now, size: 0.05}, s.seat.row, nil)
			if l == nil {
				continue
			}
			o := outcome{succeeded, int64(latency[i])}
			if float64(n%10) < 10*shares[i] {
				o = outcome{failing, -1}
			}
			p.end(l, now, o)
		}
	}
	for range slowRounds {
		p.judgeAt.Store(0)
		p.judge(p.view.Load(), now)
	}
}

func TestOutliers(t *testing.T) {
	t.Parallel()
	const fast, slow = 20 * time.Millisecond, 400 * time.Millisecond
	all := func(d time.Duration) []time.Duration { return []time.Duration{d, d, d, d} }
	late := []time.Duration{slow, fast, fast, fast}
	for _, tt := range []struct {
		name, strategy string
		calls          int
		failing        []float64
		latency        []time.Duration
		want           string
	}{
		{"in line", RoundRobin, 40, []float64{0, 0, 0, 0}, all(fast), ""},
		{"fails in part", Adaptive, 40, []float64{0.3, 0, 0, 0}, all(fast), "ejected: 30 % of its calls failed"},
		{"too few to tell", Adaptive, 10, []float64{0.3, 0, 0, 0}, all(fast), ""},
		{"all fail alike", Adaptive, 40, []float64{0.3, 0.3, 0.3, 0.3}, all(fast), ""},
		{"fails a little", Adaptive, 40, []float64{0.2, 0, 0, 0}, all(fast), ""},
		{"slow", RoundRobin, 40, []float64{0, 0, 0, 0}, late, "ejected: it answered in 0.4 s, 20 times what the others take"},
		{"slow, and the strategy sees to it", Adaptive, 40, []float64{0, 0, 0, 0}, late, ""},
		{"slow, but still quick", RoundRobin, 40, []float64{0, 0, 0, 0}, []time.Duration{fast, fast / 100, fast / 100, fast / 100}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := poolOf(t, tt.strategy, 4)
			play(p, int64(time.Second), tt.calls, tt.failing, tt.latency)
			st, _ := p.view.Load().servers[0].stats(p.epoch, int64(time.Second))
			if ejected := st.Status == StatusUnhealthy; ejected != (tt.want != "") || !strings.HasPrefix(st.Reason, tt.want) {
				t.Errorf("%s: %s, want %q", st.Status, st.Reason, tt.want)
			}
			for _, s := range p.view.Load().servers[1:] {
				if st, _ := s.stats(p.epoch, int64(time.Second)); st.Status == StatusUnhealthy {
					t.Errorf("%s was ejected too: %s", st.ID, st.Reason)
				}
			}
		})
	}
}

// Maintenance is a drain: with Run, calls are cut at the drain timeout, unless the server is back in
// service before.
func TestMaintenanceCutsAtTheDrainTimeout(t *testing.T) {
	t.Parallel()
	slow := backend(t, silent)
	p := newPool(t, Config{DrainTimeout: 10 * time.Millisecond}, slow.URL)
	running(t, p)
	failed := make(chan error, 1)
	go func() {
		_, err := p.RoundTrip(request(t, "POST", "/", nil))
		failed <- err
	}()
	eventually(t, "the call", func() bool { return p.Stats().ActiveConnections == 1 })
	out := StatusMaintenance
	if err := p.Update("a", ServerPatch{Status: &out}); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, ErrServerCut) {
		t.Errorf("got %v, want the call cut", err)
	}
}

func TestBackInServiceEndsTheDrain(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	p := newPool(t, Config{DrainTimeout: time.Hour}, backend(t, func(http.ResponseWriter, *http.Request) { <-hold }).URL)
	code := make(chan int, 1)
	go func() {
		c, _ := send(t, p, request(t, "GET", "/", nil))
		code <- c
	}()
	eventually(t, "the call", func() bool { return p.Stats().ActiveConnections == 1 })
	drained := make(chan error, 1)
	go func() { drained <- p.Drain(context.Background(), "a") }()
	eventually(t, "maintenance", func() bool { s, _ := p.Server("a"); return s.Status == StatusMaintenance })
	in := StatusHealthy
	if err := p.Update("a", ServerPatch{Status: &in}); err != nil {
		t.Fatal(err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	close(hold)
	if got := <-code; got != 200 {
		t.Errorf("the call that was in flight: %d", got)
	}
}
