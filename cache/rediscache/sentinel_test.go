package rediscache_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// replicated starts a master, its replica, what is between them, and a sentinel, and returns the
// URL of the set.
func replicated(t *testing.T) (master, replica *redistest.Server, between *redistest.Proxy, url string) {
	t.Helper()
	master = redistest.Start(t)
	between = redistest.StartProxy(t, master)
	_, port, err := net.SplitHostPort(between.Addr())
	check(t, err)
	replica = redistest.Start(t, "--replicaof", "127.0.0.1 "+port, "--repl-diskless-sync-delay", "0")
	inSync := func() bool { return strings.Contains(must(t, replica, "INFO", "replication"), "master_link_status:up") }
	if !poll(inSync) {
		t.Fatal("the replica does not follow")
	}
	sentinel := redistest.StartSentinel(t, "main", master)
	known := func() bool { return strings.Contains(must(t, sentinel, "INFO", "sentinel"), "slaves=1") }
	if !poll(known) {
		t.Fatal("the sentinel does not find the replica")
	}
	return master, replica, between, "redis+sentinel://" + sentinel.Addr() + "?master_set=main"
}

// The master dies and its replica, which does not know of the last invalidations, takes over:
// nobody reads what they were about, also when the process that invalidated has ended.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		t.Run("ended "+strconv.FormatBool(ends), func(t *testing.T) {
			t.Parallel()
			failover(t, ends)
		})
	}
}

func failover(t *testing.T, ends bool) {
	t.Helper()
	master, replica, between, url := replicated(t)
	cfg := patient(url)
	a, b := connected(t, cfg), connected(t, cfg)
	opts := cache.EntryOptions{Tags: []string{"corpus"}}
	for _, key := range []string{"deleted", "set", "other"} {
		a.get(key, cache.EntryOptions{}, from("old"))
	}
	a.get("tagged", opts, from("old"))
	a.settled()
	if n := must(t, master, "WAIT", "1", "5000"); n != "1" {
		t.Fatalf("%s replicas have what was stored", n)
	}
	feeds, heard := b.redis().Feeds, b.redis().Received
	between.Set(redistest.Fault{Silent: true})
	a.answers.Delete("deleted")
	a.set("set", from("new"))
	a.group.ClearTag(t.Context(), "corpus")
	a.settled() // the master has acknowledged them, the replica does not know
	b.await("the messages", func() bool { return b.redis().Received >= heard+3 })
	if ends {
		a.stop()
	}
	check(t, master.Kill())
	b.get("meanwhile", cache.EntryOptions{}, from("loader"))
	b.await("the failover", func() bool { return b.redis().Connected && b.redis().Feeds > feeds })
	for _, key := range []string{"deleted", "set"} {
		if got := b.get(key, cache.EntryOptions{}, from("loader")); got == from("old") {
			t.Errorf("%s: got what was invalidated", key)
		}
	}
	if got := b.get("tagged", opts, from("loader")); got == from("old") {
		t.Error("tagged: got what was invalidated")
	}
	if role := must(t, replica, "INFO", "replication"); !strings.Contains(role, "role:master") {
		t.Fatalf("the replica did not take over: %s", role)
	}
	b.shares(connected(t, cfg))
}

// shares waits until what one process loads is found by another.
func (p *process) shares(with *process) {
	p.Helper()
	i := 0
	p.await("values to be shared", func() bool {
		i++
		key := "after/" + strconv.Itoa(i)
		p.get(key, cache.EntryOptions{}, from("one"))
		p.settled()
		return with.get(key, cache.EntryOptions{}, from("the other")) == from("one")
	})
}

// A server that comes back with what it had on disk is not believed: invalidations may have come
// after it was written.
func TestRestartedFromAnOldCopy(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	cfg := patient(server.URL())
	a, b := connected(t, cfg), connected(t, cfg)
	a.get("k", cache.EntryOptions{}, from("old"))
	a.settled()
	must(t, server, "SAVE")
	a.answers.Delete("k")
	a.settled()
	feeds := b.redis().Feeds
	check(t, server.Restart(t.Context()))
	if n := must(t, server, "DBSIZE"); n == "0" {
		t.Fatal("the server came back empty")
	}
	b.await("the feed", func() bool { return b.redis().Feeds > feeds && b.redis().Connected })
	b.settled()
	if got := b.get("k", cache.EntryOptions{}, from("loader")); got != from("loader") {
		t.Errorf("got %v", got)
	}
}

// A connection that breaks and comes back to the same server costs nothing there.
func TestTheSameServerIsBelieved(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server)
	a, b := connected(t, patient(server.URL())), connected(t, patient(proxy.URL()))
	a.get("k", cache.EntryOptions{}, from("a"))
	b.answers.Delete("other") // an invalidation of the same cache, just before
	a.settled()
	b.settled()
	feeds := b.redis().Feeds
	proxy.Set(redistest.Fault{Refuse: true})
	b.await("b to notice", func() bool { return !b.redis().Connected })
	proxy.Set(redistest.Fault{})
	b.await("the feed", func() bool { return b.redis().Feeds > feeds && b.redis().Connected })
	b.settled()
	b.finds("k", from("a"))
}
