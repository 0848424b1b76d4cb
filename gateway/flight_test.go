package gateway_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

func TestOneFlightForAKey(t *testing.T) {
	t.Parallel()
	const clients = 50
	arrived, release := make(chan struct{}, clients), make(chan struct{})
	r, o := cached(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		w.Header().Set("Cache-Control", "max-age=60")
	})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			if got := r.get("/"); got.body != "answer 1" {
				t.Errorf("got %q", got.body)
			}
		})
	}
	<-arrived
	eventually(t, "all clients", func() bool { return r.gw.Stats().InFlight == clients })
	close(release)
	wg.Wait()
	s := r.gw.Stats()
	if o.requests.Load() != 1 || s.Cache["collapsed"]+s.Cache["hit"] != clients-1 {
		t.Errorf("%d requests, outcomes %v; want one flight", o.requests.Load(), s.Cache)
	}
}

// Requests whose answer is not shareable do not wait for one another, but for the first time.
func TestUnshareableAnswersAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	const clients = 20
	together := make(chan struct{})
	var here sync.WaitGroup
	here.Add(clients)
	var first atomic.Bool
	r, o := cached(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "private")
		if first.CompareAndSwap(false, true) {
			return
		}
		here.Done()
		<-together // all at the server at once, or the test times out
	})
	r.get("/")
	var wg sync.WaitGroup
	var seen sync.Map
	for range clients {
		wg.Go(func() { seen.Store(r.get("/").body, true) })
	}
	here.Wait()
	close(together)
	wg.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	if n != clients || o.requests.Load() != clients+1 {
		t.Errorf("%d different answers of %d requests, want %d", n, o.requests.Load(), clients)
	}
}

// A client that gives up does not take the others with it: what it asked for goes on for them.
func TestLeaderThatLeavesHarmsNobody(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	r, o := cached(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		arrived <- struct{}{}
		select {
		case <-release:
		case <-req.Context().Done():
		}
	})
	conn := r.dial()
	fmt.Fprintf(conn, "GET /x HTTP/1.1\r\nHost: %s\r\n\r\n", r.addr)
	<-arrived
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if got := r.get("/x"); got.StatusCode != http.StatusOK || got.err != nil {
				t.Errorf("a follower got %d, %v", got.StatusCode, got.err)
			}
		})
	}
	eventually(t, "the followers", func() bool { return r.gw.Stats().InFlight == 6 })
	conn.Close()
	close(release)
	wg.Wait()
	if n := o.requests.Load(); n != 1 {
		t.Errorf("the server got %d requests, want 1", n)
	}
}

// A change of one target does not keep the answers of others from being kept.
func TestChangeOfAnotherTargetDuringAFetch(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	r, _ := cached(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if req.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-release
		}
	})
	other := r.get("/other").body
	slow := make(chan string)
	go func() { slow <- r.get("/slow").body }()
	<-arrived
	r.send(r.request("POST", "/other", http.NoBody))
	release <- struct{}{}
	want := <-slow
	if got := r.get("/slow").body; got != want { // or the test times out
		t.Errorf("got %q, want %q", got, want)
	}
	if got := r.get("/other").body; got == other {
		t.Error("the changed target is still kept")
	}
}

// What is fetched before a change and arrives after it is not kept.
func TestChangeDuringAFetch(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	r, _ := cached(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if req.Header.Get("X-Wait") != "" {
			arrived <- struct{}{}
			<-release
		}
	})
	for name, change := range map[string]func(){
		"POST":  func() { r.send(r.request("POST", "/", http.NoBody)) },
		"clear": func() { r.cache.ClearAll(t.Context()) },
	} {
		old := make(chan string)
		go func() { old <- r.get("/", "X-Wait", "1").body }()
		<-arrived
		change()
		release <- struct{}{}
		if was, is := <-old, r.get("/").body; was == is {
			t.Errorf("%s: the answer from before the change was kept", name)
		}
		r.cache.ClearAll(t.Context())
	}
}
