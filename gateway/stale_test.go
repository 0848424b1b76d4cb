package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// An answer whose server allows it is given at once although it is too old, and fetched anew by
// one request.
func TestStaleWhileRevalidate(t *testing.T) {
	t.Parallel()
	for _, validator := range []string{"", `"v1"`} {
		t.Run("etag "+validator, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			var slow atomic.Bool
			r, o := cached(t, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Cache-Control", "max-age=1, stale-while-revalidate=60")
				w.Header().Set("Age", "1")
				if validator != "" {
					w.Header().Set("Etag", validator)
				}
				if slow.Load() {
					<-release
					w.Header().Del("Age")
					w.Header().Set("Cache-Control", "max-age=60, stale-while-revalidate=60")
					if validator != "" && req.Header.Get("If-None-Match") == validator {
						w.Header().Set("X-Done", "1")
						w.WriteHeader(http.StatusNotModified)
					}
				}
			})
			first := r.get("/")
			slow.Store(true)
			for range 3 {
				got := r.get("/") // while the server hangs
				if got.body != first.body || !strings.HasPrefix(got.Header.Get("Cache-Status"), "upshift; hit; detail=stale-while-revalidate; ttl=") {
					t.Fatalf("got %q, %q", got.body, got.Header.Get("Cache-Status"))
				}
			}
			close(release)
			eventually(t, "the new answer", func() bool {
				return strings.HasPrefix(r.get("/").Header.Get("Cache-Status"), "upshift; hit; ttl=")
			})
			if n := o.requests.Load(); n != 2 {
				t.Errorf("the server got %d requests, want 2", n)
			}
		})
	}
}

func TestStaleIsNotForThoseWhoAskForFresh(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=1, stale-while-revalidate=60, stale-if-error=60", "Age", "1"))
	r.get("/")
	for i, directive := range []string{"no-cache", "max-age=600", "min-fresh=1"} {
		if got := r.get("/", "Cache-Control", directive); strings.Contains(got.Header.Get("Cache-Status"), "hit") || o.requests.Load() != int64(i+2) {
			t.Errorf("%s: %q after %d requests", directive, got.Header.Get("Cache-Status"), o.requests.Load())
		}
	}
}

// What the answer forbids goes before what it allows.
func TestStaleIfError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		control string
		failure int // 0: the connection breaks
		stale   bool
	}{
		{"max-age=0, stale-if-error=60", 500, true},
		{"max-age=0, stale-if-error=60", 503, true},
		{"max-age=0, stale-if-error=60", 0, true},
		{"s-maxage=0, stale-if-error=60", 502, true},
		{"max-age=0, stale-if-error=60", 404, false},
		{"max-age=0, stale-if-error=60", 429, false},
		{"max-age=0, stale-if-error=60, must-revalidate", 503, false},
		{"max-age=0, stale-if-error=60, proxy-revalidate", 503, false},
		{"no-cache, stale-if-error=60", 503, false},
		{"max-age=0, stale-if-error=0", 503, false},
		{"max-age=0", 503, false},
	} {
		t.Run(fmt.Sprint(tt.control, " ", tt.failure), func(t *testing.T) {
			t.Parallel()
			var failing atomic.Bool
			r, _ := cached(t, func(w http.ResponseWriter, _ *http.Request) {
				switch {
				case !failing.Load():
					w.Header().Set("Cache-Control", tt.control)
					w.Header().Set("Etag", `"v1"`)
				case tt.failure == 0:
					panic(http.ErrAbortHandler)
				default:
					w.WriteHeader(tt.failure)
				}
			})
			first := r.get("/")
			failing.Store(true)
			got := r.get("/")
			if stale := got.StatusCode == http.StatusOK && got.body == first.body; stale != tt.stale {
				t.Errorf("got %d %q, %q; stale wanted: %v", got.StatusCode, got.body, got.Header.Get("Cache-Status"), tt.stale)
			}
			want := "upshift; fwd=stale; detail=stale-if-error"
			if tt.failure != 0 {
				want += fmt.Sprint("; fwd-status=", tt.failure)
			}
			if s := r.gw.Stats(); tt.stale && (got.Header.Get("Cache-Status") != want || got.Header.Get("Age") == "" || s.Cache["stale_if_error"] != 1) {
				t.Errorf("Cache-Status %q, want %q; Age %q; counted %v", got.Header.Get("Cache-Status"), want, got.Header.Get("Age"), s.Cache)
			}
		})
	}
}

// A client cannot pass for nobody by listing its credentials in Connection, which takes them off
// the request to the server.
func TestCredentialsListedInConnection(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=60"))
	anonymous := r.get("/").body
	got := r.get("/", "Connection", "Authorization", "Authorization", "Bearer x")
	if got.body == anonymous || o.last.Load().Header.Get("Authorization") != "" {
		t.Errorf("got the answer for all: %q", got.Header.Get("Cache-Status"))
	}
	r.get("/other", "Connection", "X-Api-Key", "X-Api-Key", "k")
	if got := r.get("/other"); strings.Contains(got.Header.Get("Cache-Status"), "hit") {
		t.Error("an answer to somebody was kept for all")
	}
}
