package rediscache_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

const slots = 16384

// member is a server of a cluster; bus is the port at which the others reach it.
type member struct {
	*redistest.Server
	port, bus string
}

func startMember(t *testing.T, settings ...string) member {
	t.Helper()
	bus := freePort(t)
	s := redistest.Start(t, append([]string{
		"--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--cluster-node-timeout", "1000", "--cluster-port", bus,
	}, settings...)...)
	return member{s, strconv.Itoa(s.Port()), bus}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, l.Close())
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// join makes servers a cluster that shares the slots in equal parts, in their order.
func join(t *testing.T, servers ...member) {
	t.Helper()
	for i, s := range servers {
		first, next := i*slots/len(servers), (i+1)*slots/len(servers)
		must(t, s.Server, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(next-1))
		must(t, s.Server, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	for _, s := range servers[1:] {
		must(t, servers[0].Server, "CLUSTER", "MEET", "127.0.0.1", s.port, s.bus)
	}
	known := fmt.Sprintf("cluster_known_nodes:%d\r\n", len(servers))
	ready := func() bool {
		for _, s := range servers {
			info := must(t, s.Server, "CLUSTER", "INFO")
			if !strings.Contains(info, "cluster_slots_ok:16384") || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, known) {
				return false
			}
		}
		return true
	}
	if !poll(ready) {
		t.Fatal("the cluster does not come up")
	}
}

// Two servers that share the slots: what one process does reaches the other, whichever server
// has the key.
func TestCluster(t *testing.T) {
	t.Parallel()
	one, two := startMember(t), startMember(t)
	join(t, one, two)
	url := "redis+cluster://" + one.Addr()
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

// slotOf is where a key of the package's is.
func slotOf(t *testing.T, s member, key string) int {
	t.Helper()
	n, err := strconv.Atoi(must(t, s.Server, "CLUSTER", "KEYSLOT", "upshift:2:e:{answers/"+key+"}"))
	check(t, err)
	return n
}

// A slot moves to another server under way: what is in it is found there, and invalidations reach it.
func TestClusterSlotMoves(t *testing.T) {
	t.Parallel()
	servers := []member{startMember(t), startMember(t), startMember(t)}
	join(t, servers...)
	url := "redis+cluster://" + servers[0].Addr()
	a, b := connected(t, patient(url)), connected(t, patient(url))
	a.get("moved", cache.EntryOptions{}, from("old"))
	a.settled()
	slot := slotOf(t, servers[0], "moved")
	source, target := servers[slot*3/slots], servers[(slot*3/slots+1)%3]
	from1, to := must(t, source.Server, "CLUSTER", "MYID"), must(t, target.Server, "CLUSTER", "MYID")
	number := strconv.Itoa(slot)
	must(t, target.Server, "CLUSTER", "SETSLOT", number, "IMPORTING", from1)
	must(t, source.Server, "CLUSTER", "SETSLOT", number, "MIGRATING", to)
	key := "upshift:2:e:{answers/moved}"
	must(t, source.Server, "MIGRATE", "127.0.0.1", target.port, key, "0", "5000")
	if got := b.get("moved", cache.EntryOptions{}, from("loader")); got != from("old") && got != from("loader") {
		t.Errorf("while the slot moves: got %v", got)
	}
	for _, s := range []member{target, source, servers[(slot*3/slots+2)%3]} {
		must(t, s.Server, "CLUSTER", "SETSLOT", number, "NODE", to)
	}
	a.answers.Delete("moved")
	b.await("the deletion", func() bool { return !b.answers.Exists("moved") })
	a.settled()
	// The client learns of the move by the first refusal, within a second.
	b.await("the deletion to be in the server", func() bool {
		return b.get("moved", cache.EntryOptions{}, from("new")) == from("new")
	})
	a.shares(b)
}

// One of three servers is lost, the one that has neither the feed nor the generations: values of the
// others are served, callers see nothing, and when it is back nothing is read that was invalidated.
func TestClusterLosesAServer(t *testing.T) {
	t.Parallel()
	servers := []member{startMember(t), startMember(t), startMember(t)}
	join(t, servers...)
	seed := servers[0]
	needed := map[int]bool{}
	for _, key := range []string{"{upshift:2}", "upshift:2:g:g", "upshift:2:g:n:answers"} {
		n, err := strconv.Atoi(must(t, seed.Server, "CLUSTER", "KEYSLOT", key))
		check(t, err)
		needed[n*3/slots] = true
	}
	lost := 0
	for needed[lost] {
		lost++
	}
	if lost == len(servers) {
		t.Fatal("each server has something that all lookups need; name the cache of this test otherwise")
	}
	url := "redis+cluster://" + servers[(lost+1)%3].Addr()
	a, b := connected(t, patient(url)), connected(t, patient(url))
	var there, elsewhere []string
	for i := range 30 {
		key := "k" + strconv.Itoa(i)
		if slotOf(t, seed, key)*3/slots == lost {
			there = append(there, key)
		} else {
			elsewhere = append(elsewhere, key)
		}
		a.get(key, cache.EntryOptions{}, from("old"))
	}
	a.settled()
	check(t, servers[lost].Kill())
	for _, key := range elsewhere {
		b.finds(key, from("old"))
	}
	for _, key := range there {
		a.answers.Delete(key)
		if got := a.get(key, cache.EntryOptions{}, from("loader")); got != from("loader") {
			t.Errorf("%s: got %v", key, got)
		}
	}
	check(t, servers[lost].Restart(t.Context()))
	a.await("what was owed", func() bool { s := a.redis(); return s.Connected && s.Owed == 0 })
	for _, key := range there {
		if got := b.get(key, cache.EntryOptions{}, from("b")); got == from("old") {
			t.Errorf("%s: got what was invalidated", key)
		}
	}
	a.shares(b)
}
