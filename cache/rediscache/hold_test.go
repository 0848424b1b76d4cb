package rediscache_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// A server that refuses writes is not asked for leases and sent values by every miss; it is asked
// now and then, and reads and invalidations go on.
func TestWritesAreHeldBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ code, begin, end string }{
		{"OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"},
		{"READONLY", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			p := connected(t, patient(server.URL()))
			p.get("before", cache.EntryOptions{}, from("p"))
			p.settled()
			must(t, server, strings.Fields(test.begin)...)
			must(t, server, "CONFIG", "RESETSTAT")
			const misses = 400
			began := time.Now()
			for i := range misses {
				p.get(strconv.Itoa(i), cache.EntryOptions{}, from("p"))
			}
			p.settled()
			tries := 2 * (int(time.Since(began)/time.Second) + 1) * 2 // a lease and a store, and those under way
			stats := must(t, server, "INFO", "commandstats")
			if n := calls(t, stats, "eval"); n == 0 || n > tries+4 {
				t.Errorf("%d scripts for %d misses, at most %d expected", n, misses, tries+4)
			}
			if !strings.Contains(p.redis().LastError, test.code) {
				t.Errorf("last error %q", p.redis().LastError)
			}
			other := connected(t, patient(server.URL()))
			if got := other.get("before", cache.EntryOptions{}, from("other")); got != from("p") {
				t.Errorf("got %v: it is not read", got)
			}
			must(t, server, strings.Fields(test.end)...)
			p.shares(other)
			p.await("no error", func() bool { return p.redis().LastError == "" })
		})
	}
}

// calls are those of a command in a reply to INFO commandstats.
func calls(t *testing.T, stats, command string) int {
	t.Helper()
	_, rest, found := strings.Cut(stats, "cmdstat_"+command+":calls=")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(rest[:strings.IndexByte(rest, ',')])
	check(t, err)
	return n
}
