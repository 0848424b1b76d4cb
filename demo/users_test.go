package demo

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeGateway answers everything after a while and keeps count.
type fakeGateway struct {
	takes  time.Duration
	status int

	mu           sync.Mutex // guards the fields below
	paths        map[string]int
	asked        []string
	flying, most int
}

func (g *fakeGateway) RoundTrip(req *http.Request) (*http.Response, error) {
	g.enter(req)
	defer g.leave()
	if err := pause(req.Context(), g.takes); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: g.status, Body: io.NopCloser(strings.NewReader("{}")), Request: req, Header: http.Header{},
	}, nil
}

func (g *fakeGateway) enter(req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paths == nil {
		g.paths = map[string]int{}
	}
	g.paths[req.URL.Path]++
	g.asked = append(g.asked, req.URL.String())
	g.flying++
	g.most = max(g.most, g.flying)
}

func (g *fakeGateway) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flying--
}

func testUsers(g *fakeGateway, cfg Config) *users {
	cfg.Logger = slog.New(slog.DiscardHandler)
	c := newCaller()
	c.http.Transport = g
	c.to("gateway.test")
	return newUsers(c, sharedCorpus().questions, cfg)
}

// comeFor lets users come for a while of the bubble's time.
func comeFor(t *testing.T, u *users, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	u.run(ctx)
}

func TestUsersCauseTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGateway{takes: 50 * time.Millisecond, status: http.StatusOK}
		u := testUsers(g, Config{Rate: 30, Seed: 1})
		comeFor(t, u, dayLength)
		total := 0
		for _, n := range g.paths {
			total += n
		}
		crossed := float64(total + 4*g.paths["/ask"]) // the agents' own calls are not made here
		if rate := crossed / dayLength.Seconds(); rate < 27 || rate > 33 {
			t.Errorf("%.1f requests/s through the gateway, want 30", rate)
		}
		for path, share := range map[string]float64{
			"/ask": askShare, "/retrieve": searchShare, "/v1/embeddings": embedShare, "/v1/models": 0.15,
		} {
			if got := float64(g.paths[path]) / float64(total); got < share-0.03 || got > share+0.03 {
				t.Errorf("%s has a share of %.3f, want %.2f", path, got, share)
			}
		}
		if u.counts.failed.Load() != 0 || u.counts.turnedAway.Load() != 0 || u.counts.left.Load() == 0 {
			t.Errorf("failed %d, turned away %d, left %d; want 0, 0, some",
				u.counts.failed.Load(), u.counts.turnedAway.Load(), u.counts.left.Load())
		}
	})
}

func TestUsersAreTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked [3][]string
		for i, seed := range []uint64{1, 1, 2} {
			g := &fakeGateway{status: http.StatusOK}
			comeFor(t, testUsers(g, Config{Rate: 30, Seed: seed}), time.Minute)
			slices.Sort(g.asked) // those who come at one instant may overtake each other
			asked[i] = g.asked
		}
		if diff := cmp.Diff(asked[0], asked[1]); diff != "" {
			t.Errorf("the same seed did something else:\n%s", diff)
		}
		if cmp.Equal(asked[0], asked[2]) {
			t.Error("another seed did the same")
		}
	})
}

func TestUsersAskPopularQuestionsOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGateway{status: http.StatusOK}
		comeFor(t, testUsers(g, Config{Rate: 30, Seed: 1}), dayLength)
		searched := map[string]int{}
		for _, url := range g.asked {
			if strings.Contains(url, "/retrieve") {
				searched[url]++
			}
		}
		total, most := g.paths["/retrieve"], 0
		for _, n := range searched {
			most = max(most, n)
		}
		if share := float64(most) / float64(total); share < 0.1 || share > 0.5 {
			t.Errorf("the most popular question has a share of %.2f, want one that a cache can use", share)
		}
		if len(searched) < 100 {
			t.Errorf("only %d different questions: the long tail is missing", len(searched))
		}
	})
}

func TestUsersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGateway{takes: time.Hour, status: http.StatusOK} // a gateway that hangs
		u := testUsers(g, Config{Rate: 2000, Seed: 1})
		comeFor(t, u, 5*time.Second)
		if g.most > maxUsers {
			t.Errorf("%d at once, want %d at most", g.most, maxUsers)
		}
		if u.counts.turnedAway.Load() == 0 {
			t.Error("nobody was turned away from a gateway that hangs")
		}
	})
}

func TestUsersCountFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := testUsers(&fakeGateway{status: http.StatusBadGateway}, Config{Rate: 30, Seed: 1})
		comeFor(t, u, time.Minute)
		if u.counts.failed.Load() == 0 || u.counts.done.Load() != 0 {
			t.Errorf("failed %d, done %d; want some, 0", u.counts.failed.Load(), u.counts.done.Load())
		}
	})
}
