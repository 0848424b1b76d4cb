package replay_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/balancer/replay"
)

// serve makes calls through the pool, one after the other.
func serve(t *testing.T, p *balancer.Pool, calls int, took time.Duration, failEvery int) {
	t.Helper()
	broken := errors.New("broken")
	for i := range calls {
		_ = p.Do(t.Context(), func(context.Context, *balancer.Server) error {
			time.Sleep(took)
			if failEvery > 0 && i%failEvery == 0 {
				return broken
			}
			return nil
		}) // what became of it is in the records
	}
}

func TestWatchTakesASwitchBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		took      time.Duration
		failEvery int
		back      bool
		want      string
	}{
		{"slower", 30 * time.Millisecond, 0, true, "p99 was above 30 ms, before below 10 ms"},
		{"failing", 10 * time.Millisecond, 50, true, "% of the calls succeeded, before 100.00 %"},
		{"as good", 10 * time.Millisecond, 0, false, "did not fare worse"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, err := balancer.New(balancer.Config{
					Strategy: balancer.RoundRobin, ConsecutiveFailures: 1000,
					Servers: []balancer.ServerConfig{{ID: "a", URL: "http://10.0.0.1"}, {ID: "b", URL: "http://10.0.0.2"}},
				})
				if err != nil {
					t.Fatal(err)
				}
				serve(t, p, 1500, 10*time.Millisecond, 0)
				w, err := replay.Switch(p, balancer.Adaptive)
				if err != nil || p.Strategy() != balancer.Adaptive {
					t.Fatalf("in force %s, %v", p.Strategy(), err)
				}
				var calls sync.WaitGroup
				defer calls.Wait()
				calls.Go(func() { serve(t, p, 1500, c.took, c.failEvery) })
				back, message := w.Run(t.Context())
				if back != c.back || !strings.Contains(message, c.want) {
					t.Errorf("back %v: %s", back, message)
				}
				if want := map[bool]string{true: balancer.RoundRobin, false: balancer.Adaptive}[c.back]; p.Strategy() != want {
					t.Errorf("in force %s, want %s", p.Strategy(), want)
				}
			})
		})
	}
}

// Somebody else's change of strategy ends the watch.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{{ID: "a", URL: "http://10.0.0.1"}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replay.Switch(p, "fastest"); !errors.Is(err, balancer.ErrUnknownStrategy) {
			t.Errorf("got %v", err)
		}
		w, err := replay.Switch(p, balancer.RoundRobin)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetStrategy(balancer.LeastConnections); err != nil {
			t.Fatal(err)
		}
		if back, message := w.Run(t.Context()); back || message != "" || p.Strategy() != balancer.LeastConnections {
			t.Errorf("back %v, %q, in force %s", back, message, p.Strategy())
		}
	})
}
