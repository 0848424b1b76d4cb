package rediscache_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// Whatever the network does between one process and the server, its callers do not see it, the
// state shows, and what it did not hear of is known before it reads again.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault redistest.Fault
		// shows says that the feed dies of it; a slow server is still heard.
		shows bool
	}{
		{"reset", redistest.Fault{Refuse: true}, true},
		{"black hole", redistest.Fault{Silent: true}, true},
		{"slow", redistest.Fault{Delay: 200 * time.Millisecond}, false},
		{"cut in the middle of a reply", redistest.Fault{Cut: true}, true},
		{"garbage", redistest.Fault{Say: []byte("\x00\xffHTTP/1.1 400 Bad Request\r\n\r\n")}, true},
		{"huge reply", redistest.Fault{Say: []byte("$9999999999999\r\n")}, true},
		{"loading", redistest.Fault{Say: []byte("-LOADING Redis is loading the dataset in memory\r\n")}, true},
		{"busy", redistest.Fault{Say: []byte("-BUSY Redis is busy running a script\r\n")}, true},
		{"no master", redistest.Fault{Say: []byte("-MASTERDOWN Link with MASTER is down\r\n")}, true},
		{"no permission", redistest.Fault{Say: []byte("-NOPERM this user has no permissions\r\n")}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server)
			cfg := rediscache.Config{URL: proxy.URL(), LookupTimeout: 50 * time.Millisecond}
			a, b := connected(t, cfg), connected(t, patient(server.URL()))
			b.get("deleted", cache.EntryOptions{}, from("old"))
			b.get("tagged", cache.EntryOptions{Tags: []string{"corpus"}}, from("old"))
			b.settled()
			a.get("deleted", cache.EntryOptions{}, from("a"))
			proxy.Set(test.fault)
			for round := range 3 {
				a.everything(round)
			}
			if test.shows {
				a.await("the state to show", func() bool { return !a.redis().Connected && a.redis().LastError != "" })
			}
			b.answers.Delete("deleted")
			b.group.ClearTag(t.Context(), "corpus")
			b.settled()
			proxy.Set(redistest.Fault{})
			a.await("recovery", func() bool { s := a.redis(); return s.Connected && s.LastError == "" && s.Owed == 0 })
			for _, key := range []string{"deleted", "tagged"} {
				if got := a.get(key, cache.EntryOptions{}, from("loader")); got == from("old") {
					t.Errorf("%s: got what was invalidated during the fault", key)
				}
			}
			a.shares(b)
		})
	}
}

// The server comes back with another password, and then with the one it had: the state shows, no
// password does.
func TestAnotherPassword(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "first-secret")
	p := connected(t, rediscache.Config{URL: "redis://:first-secret@" + server.Addr()})
	p.everything(0)
	auth := func(password string, command ...string) {
		t.Helper()
		if _, err := server.DoAs(t.Context(), password, command...); err != nil {
			t.Fatal(err)
		}
	}
	auth("first-secret", "CONFIG", "SET", "requirepass", "second-secret")
	auth("second-secret", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	auth("second-secret", "CLIENT", "KILL", "TYPE", "pubsub")
	p.await("the state to show", func() bool { s := p.redis(); return !s.Connected && strings.Contains(s.LastError, "WRONGPASS") })
	p.everything(1)
	if s := p.group.Stats(); strings.Contains(s.Redis.LastError+strings.Join(s.Warnings, ""), "secret") {
		t.Errorf("a password is shown: %+v", s)
	}
	auth("second-secret", "CONFIG", "SET", "requirepass", "first-secret")
	p.await("recovery", func() bool { return p.redis().Connected })
	p.everything(2)
}

// A user of an access list with the rights that the package needs, and no other.
func TestAccessList(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	must(t, server, "ACL", "SETUSER", "upshift", "on", ">of-this-test", "~upshift:*", "&*",
		"+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+info")
	url := "redis://upshift:of-this-test@" + server.Addr()
	a, b := connected(t, patient(url)), connected(t, patient(url))
	a.everything(0)
	a.settled()
	a.shares(b)
	if s := a.redis(); s.LastError != "" || s.UsedMemoryBytes == 0 && s.Errors > 0 {
		t.Errorf("%+v", s)
	}
	wrong := start(t, rediscache.Config{URL: "redis://upshift:guess-" + strconv.Itoa(1) + "@" + server.Addr()})
	wrong.await("the refusal", func() bool { return strings.Contains(wrong.redis().LastError, "WRONGPASS") })
	wrong.everything(0)
	if s := wrong.group.Stats(); strings.Contains(s.Redis.LastError+strings.Join(s.Warnings, ""), "guess") {
		t.Errorf("a password is shown: %+v", s)
	}
}
