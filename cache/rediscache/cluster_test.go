package rediscache_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// Two servers that share the slots: what one process does reaches the other, whichever server
// has the key.
func TestCluster(t *testing.T) {
	t.Parallel()
	settings := []string{"--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"}
	one, two := redistest.Start(t, settings...), redistest.Start(t, settings...)
	must(t, one, "CLUSTER", "ADDSLOTSRANGE", "0", "8000")
	must(t, two, "CLUSTER", "ADDSLOTSRANGE", "8001", "16383")
	must(t, one, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(two.Port()))
	url := "redis+cluster://" + one.Addr()
	ready := func() bool {
		for _, s := range []*redistest.Server{one, two} {
			info := must(t, s, "CLUSTER", "INFO")
			if !strings.Contains(info, "cluster_slots_ok:16384") || !strings.Contains(info, "cluster_state:ok") {
				return false
			}
		}
		return true
	}
	if !poll(ready) {
		t.Fatal("the cluster does not come up")
	}
	a, b := connected(t, patient(url)), connected(t, patient(url))
	opts := cache.EntryOptions{Tags: []string{"corpus"}}
	for i := range 20 {
		a.get("k"+strconv.Itoa(i), opts, from("a"))
	}
	a.settled()
	for i := range 20 {
		if got := b.get("k"+strconv.Itoa(i), opts, from("b")); got != from("a") {
			t.Errorf("k%d: b got %v", i, got)
		}
	}
	a.answers.Delete("k0")
	b.await("the deletion", func() bool { return !b.answers.Exists("k0") })
	a.group.ClearTag(context.Background(), "corpus")
	b.await("the tag", func() bool { return !b.answers.Exists("k1") })
	a.settled()
	if got := b.get("k1", opts, from("b")); got != from("b") {
		t.Errorf("got %v", got)
	}
}
