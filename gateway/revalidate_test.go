package gateway_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

func TestConditionalRequestsAreAnsweredFromTheCache(t *testing.T) { //nolint:tparallel // the count at the end is of all cases
	t.Parallel()
	modified := "Mon, 01 Jan 2024 00:00:00 GMT"
	r, o := cached(t, headers("Cache-Control", "max-age=60", "Etag", `"v1"`, "Last-Modified", modified, "Content-Type", "text/plain"))
	r.get("/")
	for _, tt := range []struct {
		name    string
		request []string
		status  int
	}{
		{"same tag", []string{"If-None-Match", `"v1"`}, 304},
		{"weak tag in a list", []string{"If-None-Match", `"v0", W/"v1"`}, 304},
		{"any", []string{"If-None-Match", "*"}, 304},
		{"other tag", []string{"If-None-Match", `"v0"`}, 200},
		{"other tag, same date", []string{"If-None-Match", `"v0"`, "If-Modified-Since", modified}, 200},
		{"same date", []string{"If-Modified-Since", modified}, 304},
		{"older date", []string{"If-Modified-Since", "Sun, 31 Dec 2023 00:00:00 GMT"}, 200},
		{"no date", []string{"If-Modified-Since", "yesterday"}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := r.get("/", tt.request...)
			if got.StatusCode != tt.status || got.Header.Get("Etag") != `"v1"` || (got.body == "") != (tt.status == 304) {
				t.Errorf("got %d %q %v, want %d", got.StatusCode, got.body, got.Header, tt.status)
			}
		})
	}
	if o.requests.Load() != 1 {
		t.Errorf("the server got %d requests, want 1", o.requests.Load())
	}
	for _, beyond := range []string{"If-Match", "If-Unmodified-Since", "If-Range"} {
		r.get("/", beyond, `"v1"`)
	}
	if o.requests.Load() != 4 {
		t.Errorf("%d requests; what a cache cannot decide must reach the server", o.requests.Load())
	}
}

func TestRevalidation(t *testing.T) {
	t.Parallel()
	var version atomic.Int64
	r, o := cached(t, func(w http.ResponseWriter, req *http.Request) {
		tag := fmt.Sprintf(`"v%d"`, version.Load())
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Etag", tag)
		w.Header().Set("X-Version", fmt.Sprint(version.Load()))
		w.Header().Set("Content-Type", "text/plain")
		if req.Header.Get("If-None-Match") == tag {
			w.Header().Set("X-Renewed", "yes")
			w.Header().Set("Content-Encoding", "gzip") // is of the body that is not here
			w.Header().Set("X-Done", "1")
			w.WriteHeader(http.StatusNotModified)
		}
	})
	first := r.get("/")
	second := r.get("/")
	if second.StatusCode != http.StatusOK || second.body != first.body || second.Header.Get("X-Renewed") != "yes" ||
		second.Header.Get("Content-Type") != "text/plain" || second.Header.Get("Content-Encoding") != "" || second.Header.Get("Cache-Status") != "upshift; fwd=stale; fwd-status=304" {
		t.Errorf("got %d %q %v", second.StatusCode, second.body, second.Header)
	}
	version.Add(1)
	if third := r.get("/"); third.body != "answer 3" || third.Header.Get("X-Version") != "1" {
		t.Errorf("after a change: %q, version %s", third.body, third.Header.Get("X-Version"))
	}
	// Conditions of the client go to the server as they are.
	if got := r.get("/", "If-None-Match", `"v1"`); got.StatusCode != http.StatusNotModified {
		t.Errorf("conditional: %d", got.StatusCode)
	}
	if o.last.Load().Header.Get("If-None-Match") != `"v1"` {
		t.Error("the client's condition was replaced")
	}
	if s := r.gw.Stats(); s.Cache["revalidated"] != 1 {
		t.Errorf("counted %v", s.Cache)
	}
}

func TestUnsafeMethodsForget(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "M-SEARCH"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var status atomic.Int64
			r, _ := cached(t, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Cache-Control", "max-age=60")
				if req.Method != http.MethodGet {
					w.Header().Set("Location", "/other")
					w.Header().Set("Content-Location", "http://elsewhere/kept")
					w.WriteHeader(int(status.Load()))
				}
			})
			bodies := func() (out [3]string) {
				for i, path := range []string{"/a", "/other", "/kept"} {
					out[i] = r.get(path).body
				}
				return out
			}
			before := bodies()
			status.Store(500)
			r.send(r.request(method, "/a", http.NoBody))
			if got := bodies(); got != before {
				t.Errorf("a failed %s forgot: %v became %v", method, before, got)
			}
			status.Store(200)
			r.send(r.request(method, "/a", http.NoBody))
			after := bodies()
			if after[0] == before[0] || after[1] == before[1] || after[2] != before[2] {
				t.Errorf("%v became %v; want the target and Location forgotten, another host's not", before, after)
			}
		})
	}
}
