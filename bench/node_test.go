package main

import (
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/node"
	"github.com/sentientcore/upshift/internal/redistest"
)

func TestNodesForgetWhatAnotherRemoves(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, kind := range []string{"cache", "tracking"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := testRig(t)
			pair, err := r.nodes(t.Context(), kind, 2, server.URL())
			if err != nil {
				t.Fatal(err)
			}
			took, _, err := r.invalidate(t.Context(), pair, kind, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(took) != 10 || took[0] <= 0 || took[9] > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestNodesAskOnceAndClearTags(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	r := testRig(t)
	pair, err := r.nodes(t.Context(), "cache", 2, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	var sum node.Asked
	for _, p := range pair {
		if err := p.Tell("ask k 10 50"); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range pair {
		got, err := answer[node.Asked](t.Context(), p, "asked k ")
		if err != nil {
			t.Fatal(err)
		}
		sum.Loads, sum.Errors = sum.Loads+got.Loads, sum.Errors+got.Errors
	}
	if sum.Loads < 1 || sum.Errors != 0 {
		t.Errorf("%+v", sum)
	}
	if err := tell(t.Context(), pair[0], "tag x 300 3 60000", "tagged x"); err != nil {
		t.Fatal(err)
	}
	if err := pair[0].Tell("clear xtag1"); err != nil {
		t.Fatal(err)
	}
	if got, err := answer[node.Cleared](t.Context(), pair[0], "cleared xtag1 "); err != nil || got.Entries != 100 {
		t.Errorf("%+v, %v", got, err)
	}
	h, err := holdings(t.Context(), server, pair[0], "now")
	if err != nil || h.keys < 300 || h.memory == 0 || h.node.Entries < 200 {
		t.Errorf("%+v, %v", h, err)
	}
	if err := tell(t.Context(), pair[0], "nonsense", "failed"); err != nil {
		t.Error(err)
	}
}

func TestFigureOfInfo(t *testing.T) {
	t.Parallel()
	if got := figure("# Memory\r\nused_memory:12\r\nused_memory_rss:99\r\n", "used_memory"); got != 12 {
		t.Errorf("got %d", got)
	}
}
