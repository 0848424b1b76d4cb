package advisor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/postgres"
)

func TestWeightsAreSharedOut(t *testing.T) {
	t.Parallel()
	all := Snapshot{
		Cache: &cache.Stats{}, Memory: &memory.Stats{}, Balancer: &balancer.Stats{}, Database: &postgres.Stats{Connected: true},
	}
	of := func(h Health) map[string]float64 {
		m := map[string]float64{}
		for _, c := range h.Components {
			m[c.Name] = c.Weight
		}
		return m
	}
	want := map[string]float64{"cache": 0.3, "memory": 0.25, "load_balancer": 0.25, "database": 0.2}
	if diff := cmp.Diff(want, of(Score(all))); diff != "" {
		t.Errorf("all parts: %s", diff)
	}
	all.Database, all.Balancer = nil, nil
	want = map[string]float64{"cache": 0.545, "memory": 0.455, "load_balancer": 0, "database": 0}
	if diff := cmp.Diff(want, of(Score(all))); diff != "" {
		t.Errorf("two parts: %s", diff)
	}
	h := Score(Snapshot{})
	if h.Score != 100 || h.Grade != "excellent" || h.Confidence != 1 || h.Component("cache").Status != "disabled" {
		t.Errorf("no part: %+v", h)
	}
	if got := h.Component("nobody"); got.Status != "disabled" || got.Name != "nobody" {
		t.Errorf("an unknown part: %+v", got)
	}
}

// outcomes are as many calls, that share of which went well.
func outcomes(ended uint64, successPercent float64) balancer.Outcomes {
	return balancer.Outcomes{Succeeded: ended, SuccessPercent: successPercent}
}

func TestScores(t *testing.T) {
	t.Parallel()
	servers := func(states ...string) *balancer.Stats {
		b := &balancer.Stats{TotalServers: len(states), Recent: outcomes(100, 100), Servers: map[string]balancer.ServerStats{}}
		for i, state := range states {
			b.Servers[string(rune('a'+i))] = balancer.ServerStats{Status: state}
			if state == "healthy" || state == "degraded" {
				b.HealthyServers++
			}
		}
		return b
	}
	mem := func(used float64) *memory.Stats { return &memory.Stats{System: memory.System{UsedPercent: used}} }
	for _, tt := range []struct {
		name       string
		s          Snapshot
		score      float64
		confidence float64
		cause      string
	}{
		{"hit rate as wanted", Snapshot{Cache: &cache.Stats{Requests: 100, HitRatio: 0.8}}, 100, 1, ""},
		{"half the hits wanted", Snapshot{Cache: &cache.Stats{Requests: 100, HitRatio: 0.4}}, 50, 1, "hit rate 40.0 % of 100 requests"},
		{
			"answers that must not be kept", Snapshot{
				Cache: &cache.Stats{
					Requests: 1000, Hits: 90, HitRatio: 0.09,
					Caches: map[string]cache.NamedStats{"responses": {Requests: 1000, Hits: 90, Misses: 910}},
				},
				Gateway: &gateway.Stats{CacheStored: 9, CacheRejected: 1},
			}, 100, 1, "",
		},
		{
			"nothing can be kept", Snapshot{
				Cache:   &cache.Stats{Requests: 1000, Caches: map[string]cache.NamedStats{"responses": {Requests: 1000, Misses: 1000}}},
				Gateway: &gateway.Stats{},
			}, 100, 0, "",
		},
		{"few look-ups", Snapshot{Cache: &cache.Stats{Requests: 99, HitRatio: 0}}, 100, 0, ""},
		{"memory well below", Snapshot{Memory: mem(70)}, 100, 1, ""},
		{"memory at the threshold", Snapshot{Memory: mem(85)}, 50, 1, "memory use 85.0 %, threshold 85 %"},
		{"memory full", Snapshot{Memory: mem(100)}, 0, 1, "memory use 100.0 %"},
		{
			"memory of the container", Snapshot{Memory: &memory.Stats{
				LimitBytes: 1000, Process: memory.Process{RSSAnonBytes: 1000}, System: memory.System{UsedPercent: 10},
			}}, 0, 1, "memory use 100.0 %",
		},
		{"leaks", Snapshot{Memory: &memory.Stats{Leaks: []memory.Leak{{}, {}}}}, 80, 1, "2 suspected memory leaks"},
		{"all servers up", Snapshot{Balancer: servers("healthy", "degraded")}, 100, 1, ""},
		{"a server down", Snapshot{Balancer: servers("healthy", "unhealthy", "healthy")}, 90, 1, "1 of 3 servers not healthy"},
		{"a server in maintenance", Snapshot{Balancer: servers("healthy", "maintenance")}, 100, 1, ""},
		{"one down, one in maintenance", Snapshot{Balancer: servers("healthy", "maintenance", "unhealthy")}, 85, 1, "1 of 2 servers not healthy"},
		{"all in maintenance", Snapshot{Balancer: servers("maintenance")}, 100, 0, ""},
		{"no servers", Snapshot{Balancer: servers()}, 100, 0, ""},
		{
			"failing",
			Snapshot{Balancer: &balancer.Stats{TotalServers: 1, HealthyServers: 1, Recent: outcomes(20, 97)}},
			70, 1, "success rate 97.00 % of 20 requests",
		},
		{
			"failing on few",
			Snapshot{Balancer: &balancer.Stats{TotalServers: 1, HealthyServers: 1, Recent: outcomes(19, 0)}},
			100, 0, "",
		},
		{
			"failed long ago",
			Snapshot{Balancer: &balancer.Stats{
				TotalServers: 1, HealthyServers: 1, Requests: 2000, Failed: 1900, SuccessPercent: 5, Recent: outcomes(100, 100),
			}},
			100, 1, "",
		},
		{"no database", Snapshot{Database: &postgres.Stats{LastError: "refused"}}, 0, 1, "no connection: refused"},
		{
			"slow queries",
			Snapshot{Database: &postgres.Stats{Connected: true, SlowQueries: 5, Queries: postgres.QueryStats{Total: 20}}},
			80, 1, "5 slow queries",
		},
		{"many slow queries", Snapshot{Database: &postgres.Stats{Connected: true, SlowQueries: 500}}, 76, 0, "500 slow queries"},
		{
			"full pool",
			Snapshot{Database: &postgres.Stats{Connected: true, Pool: postgres.PoolStats{Max: 20, CheckedOut: 19}}},
			80, 0, "connection pool 95 % in use",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := Score(tt.s)
			if h.Score != tt.score || h.Confidence != tt.confidence {
				t.Errorf("score %v with confidence %v, want %v with %v", h.Score, h.Confidence, tt.score, tt.confidence)
			}
			switch {
			case tt.cause == "" && len(h.Causes) > 0, tt.cause != "" && len(h.Causes) != 1:
				t.Errorf("causes %+v, want %q", h.Causes, tt.cause)
			case tt.cause != "" && !strings.HasPrefix(h.Causes[0].Reason, tt.cause):
				t.Errorf("cause %q, want %q", h.Causes[0].Reason, tt.cause)
			}
		})
	}
}

// The digest follows what a finding means, not its figures.
func TestDigest(t *testing.T) {
	t.Parallel()
	at := func(slow int, longest float64) Finding {
		return Findings(Snapshot{Database: &postgres.Stats{
			Connected: true, SlowQueries: slow, Queries: postgres.QueryStats{MaxSeconds: longest},
		}})[0]
	}
	a, b := at(3, 1), at(4, 9)
	if a.Digest != b.Digest || a.ID != b.ID || cmp.Equal(a.Evidence, b.Evidence) {
		t.Errorf("%+v\n%+v", a, b)
	}
	a.Action = "another"
	if digest(a) == b.Digest {
		t.Error("another action has the same digest")
	}
}

// A cache is not blamed for answers that their server does not let be kept.
func TestWhatMustNotBeKeptIsNoFinding(t *testing.T) {
	t.Parallel()
	s := Snapshot{
		Cache: &cache.Stats{Caches: map[string]cache.NamedStats{"responses": {Requests: 1000, Hits: 300, Misses: 700, HitRatio: 0.3}}},
	}
	for stored, want := range map[uint64]int{0: 0, 50: 0, 700: 1} {
		s.Gateway = &gateway.Stats{CacheStored: stored}
		if found := Findings(s); len(found) != want {
			t.Errorf("with %d answers stored: got %+v, want %d findings", stored, found, want)
		}
	}
}
