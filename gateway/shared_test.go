package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

// replica is a gateway whose cache has a second tier, connected.
func replica(t *testing.T, server *redistest.Server, backend string) *rig {
	t.Helper()
	remote, err := rediscache.New(rediscache.Config{
		URL: server.URL(), LookupTimeout: 5 * time.Second, ApplyTimeout: 5 * time.Second,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	group, err := cache.NewShared(cache.Config{}, remote)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- group.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the second tier", func() bool { return group.Stats().Redis.Connected })
	return newRig(t, options{group: group}, backend)
}

// fetch asks for a path and returns the body and whether it came from a cache.
func (r *rig) fetch(method, path string) (body string, hit bool) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.url+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	req.Host = "api.example" // replicas are one service
	res, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.Fatalf("%s %s: %d, %v", method, path, res.StatusCode, err)
	}
	return string(b), strings.Contains(res.Header.Get("Cache-Status"), "; hit")
}

func (r *rig) settled() {
	r.Helper()
	eventually(r.T, "the queue", func() bool { return r.cache.Stats().Redis.Unsent == 0 })
}

func TestReplicasShareAnswers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var asked atomic.Int64
	b := backend(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			asked.Add(1)
			w.Header().Set("Cache-Control", "max-age=600")
			w.Header().Set("Vary", "Accept-Language")
			w.Header().Set("X-Kept", "as it was")
		}
		_, _ = io.WriteString(w, "answer "+strings.Repeat("long ", 1000))
	})
	first, second := replica(t, server, b.URL), replica(t, server, b.URL)
	want, hit := first.fetch(http.MethodGet, "/models")
	if hit {
		t.Fatal("the first request was a hit")
	}
	first.settled()
	if got, hit := second.fetch(http.MethodGet, "/models"); !hit || got != want {
		t.Errorf("the second replica: hit %v, %d bytes of %d", hit, len(got), len(want))
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the backend was asked %d times", n)
	}
	// What changes the target through one replica is heard by the other.
	if _, hit := first.fetch(http.MethodPost, "/models"); hit {
		t.Error("a POST was a hit")
	}
	eventually(t, "the other replica to forget", func() bool { return second.cache.Stats().Entries == 0 })
	first.settled()
	if _, hit := second.fetch(http.MethodGet, "/models"); hit {
		t.Error("what a POST invalidated was served")
	}
	second.settled()
	if _, hit := first.fetch(http.MethodGet, "/models"); !hit {
		t.Error("not shared after the invalidation")
	}
	// Without the server each goes on alone.
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	second.fetch(http.MethodGet, "/other")
	if _, hit := second.fetch(http.MethodGet, "/other"); !hit {
		t.Error("memory does not serve without the second tier")
	}
}

// Answers that only those without credentials may get stay so in every replica.
func TestReplicasKeepCredentialsApart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b := backend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = io.WriteString(w, "for "+req.Header.Get("Authorization"))
	})
	first, second := replica(t, server, b.URL), replica(t, server, b.URL)
	first.fetch(http.MethodGet, "/me")
	first.settled()
	if _, hit := second.fetch(http.MethodGet, "/me"); !hit {
		t.Fatal("not shared")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, second.url+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.example"
	req.Header.Set("Authorization", "Bearer me")
	res, err := second.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "for Bearer me" {
		t.Errorf("got %q", body)
	}
}
