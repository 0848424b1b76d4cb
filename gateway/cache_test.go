package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/gateway"
)

// origin is a server that counts its requests and says which one it answers.
type origin struct {
	requests atomic.Int64
	last     atomic.Pointer[http.Request]
	answer   http.HandlerFunc // sets headers, and may write the answer itself
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := o.requests.Add(1)
	o.last.Store(r)
	if o.answer != nil {
		o.answer(w, r)
	}
	if w.Header().Get("Content-Length") == "" && w.Header().Get("X-Done") == "" {
		fmt.Fprintf(w, "answer %d", n)
	}
}

func headers(pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(pairs); i += 2 {
			w.Header().Add(pairs[i], pairs[i+1])
		}
	}
}

func cached(t *testing.T, answer http.HandlerFunc) (*rig, *origin) {
	t.Helper()
	o := &origin{answer: answer}
	return newRig(t, options{}, backend(t, o.ServeHTTP).URL), o
}

// What is kept and what is not: the same request twice, RFC 9111 section 3.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	future := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		name    string
		method  string
		request []string // headers
		answer  []string // headers
		status  int
		kept    bool
	}{
		{name: "max-age", answer: []string{"Cache-Control", "max-age=60"}, kept: true},
		{name: "s-maxage", answer: []string{"Cache-Control", "s-maxage=60"}, kept: true},
		{name: "Expires", answer: []string{"Expires", future}, kept: true},
		{name: "nothing", kept: false},
		{name: "heuristic", answer: []string{"Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"}},
		{name: "public alone", answer: []string{"Cache-Control", "public"}},
		{name: "no-store", answer: []string{"Cache-Control", "max-age=60, no-store"}},
		{name: "no-store on a line of its own", answer: []string{"Cache-Control", "max-age=60", "Cache-Control", "No-Store"}},
		{name: "private", answer: []string{"Cache-Control", "private, max-age=60"}},
		{name: "private names headers", answer: []string{"Cache-Control", `max-age=60, private="X-A"`}},
		{name: "no-cache", answer: []string{"Cache-Control", "no-cache, max-age=60"}},
		{name: "max-age=0", answer: []string{"Cache-Control", "max-age=0"}},
		{name: "s-maxage=0", answer: []string{"Cache-Control", "max-age=60, s-maxage=0"}},
		{name: "CDN private", answer: []string{"Cache-Control", "max-age=60", "Cdn-Cache-Control", "private"}},
		{name: "Set-Cookie", answer: []string{"Cache-Control", "max-age=60, public", "Set-Cookie", "a=b"}},
		{name: "Vary: *", answer: []string{"Cache-Control", "max-age=60", "Vary", "Accept, *"}},
		{name: "event stream", answer: []string{"Cache-Control", "max-age=60", "Content-Type", "text/event-stream"}},
		{name: "old", answer: []string{"Cache-Control", "max-age=60", "Age", "61"}},

		{name: "Authorization", request: []string{"Authorization", "x"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "Authorization, public", request: []string{"Authorization", "x"}, answer: []string{"Cache-Control", "max-age=60, public"}, kept: true},
		{name: "Authorization, s-maxage", request: []string{"Authorization", "x"}, answer: []string{"Cache-Control", "s-maxage=60"}, kept: true},
		{
			name: "Authorization, must-revalidate", request: []string{"Authorization", "x"},
			answer: []string{"Cache-Control", "max-age=60, must-revalidate"}, kept: true,
		},
		{name: "Cookie", request: []string{"Cookie", "a=b"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "X-Api-Key", request: []string{"X-Api-Key", "k"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "request no-store", request: []string{"Cache-Control", "no-store"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "request no-cache", request: []string{"Cache-Control", "no-cache"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "Pragma", request: []string{"Pragma", "no-cache"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "request max-age=0", request: []string{"Cache-Control", "max-age=0"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "request max-age", request: []string{"Cache-Control", "max-age=30"}, answer: []string{"Cache-Control", "max-age=60, public", "Age", "40"}},
		{name: "request min-fresh", request: []string{"Cache-Control", "min-fresh=70"}, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "Range", request: []string{"Range", "bytes=0-1"}, answer: []string{"Cache-Control", "max-age=60"}},

		{name: "POST", method: "POST", answer: []string{"Cache-Control", "max-age=60"}},
		{name: "PUT", method: "PUT", answer: []string{"Cache-Control", "max-age=60"}},
		{name: "OPTIONS", method: "OPTIONS", answer: []string{"Cache-Control", "max-age=60"}},
		{name: "404", status: 404, answer: []string{"Cache-Control", "max-age=60"}, kept: true},
		{name: "301", status: 301, answer: []string{"Cache-Control", "max-age=60", "Location", "/x"}, kept: true},
		{name: "204", status: 204, answer: []string{"Cache-Control", "max-age=60"}, kept: true},
		{name: "206", status: 206, answer: []string{"Cache-Control", "max-age=60", "Content-Range", "bytes 0-1/10"}},
		{name: "401", status: 401, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "500", status: 500, answer: []string{"Cache-Control", "max-age=60"}},
		{name: "503", status: 503, answer: []string{"Cache-Control", "max-age=60"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, o := cached(t, func(w http.ResponseWriter, req *http.Request) {
				headers(tt.answer...)(w, req)
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
			})
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			first := r.send(r.request(method, "/a?b=c", http.NoBody, tt.request...))
			second := r.send(r.request(method, "/a?b=c", http.NoBody, tt.request...))
			if want := map[bool]int64{true: 1, false: 2}[tt.kept]; o.requests.Load() != want {
				t.Errorf("the server got %d requests, want %d", o.requests.Load(), want)
			}
			if hit := strings.Contains(second.Header.Get("Cache-Status"), "hit"); hit != tt.kept {
				t.Errorf("Cache-Status %q, then %q; hit wanted: %v", first.Header.Get("Cache-Status"), second.Header.Get("Cache-Status"), tt.kept)
			}
			if tt.kept && (second.body != first.body || second.StatusCode != first.StatusCode || second.Header.Get("Age") == "") {
				t.Errorf("kept %d %q as %d %q with Age %q", first.StatusCode, first.body, second.StatusCode, second.body, second.Header.Get("Age"))
			}
		})
	}
}

func TestHitLooksLikeTheAnswer(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers(
		"Cache-Control", "max-age=60", "Content-Type", "application/json", "X-Many", "1", "X-Many", "2", "Etag", `"v1"`,
		"Connection", "X-Inner", "X-Inner", "secret", "X-Upshift-Load", "0.5",
	))
	miss, hit := r.get("/"), r.get("/")
	if o.requests.Load() != 1 || hit.body != miss.body || hit.ContentLength != int64(len(miss.body)) {
		t.Errorf("got %q of length %d after %q", hit.body, hit.ContentLength, miss.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Many": "1|2", "Etag": `"v1"`, "X-Inner": "", "X-Upshift-Load": "",
		"X-Upshift-Server": "", "Date": miss.Header.Get("Date"),
	} {
		if got := strings.Join(hit.Header[name], "|"); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	age, err := strconv.Atoi(hit.Header.Get("Age"))
	var ttl int
	_, ttlErr := fmt.Sscanf(hit.Header.Get("Cache-Status"), "upshift; hit; ttl=%d", &ttl)
	if err != nil || ttlErr != nil || age < 0 || age+ttl < 59 || age+ttl > 60 {
		t.Errorf("Age %q, Cache-Status %q; want them to make the lifetime of 60 s", hit.Header.Get("Age"), hit.Header.Get("Cache-Status"))
	}
	if a, b := miss.Header.Get("X-Request-Id"), hit.Header.Get("X-Request-Id"); a == b || b == "" {
		t.Errorf("request ids %q and %q, want two", a, b)
	}
	if s := r.gw.Stats(); s.Cache["hit"] != 1 || s.Cache["miss"] != 1 || s.CacheStored != 1 {
		t.Errorf("counted %v, stored %d", s.Cache, s.CacheStored)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=60"))
	ask := func(host, path string) string {
		req := r.request("GET", path, http.NoBody)
		req.Host = host
		return r.send(req).body
	}
	first := ask("one", "/a?x=1")
	for _, other := range [][2]string{{"two", "/a?x=1"}, {"one", "/a?x=2"}, {"one", "/a"}, {"one", "/A?x=1"}, {"one", "/a%3Fx=1"}, {"one:81", "/a?x=1"}} {
		if got := ask(other[0], other[1]); got == first {
			t.Errorf("%v got the answer of another target", other)
		}
	}
	if got := ask("ONE", "/a?x=1"); got != first {
		t.Errorf("got %q, want %q: hosts do not differ by case", got, first)
	}
	if o.requests.Load() != 7 {
		t.Errorf("%d requests, want 7", o.requests.Load())
	}
}

func TestVary(t *testing.T) {
	t.Parallel()
	r, o := cached(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Add("Vary", "accept-language")
		w.Header().Add("Vary", "X-Mode, accept-language")
		w.Header().Set("X-Answer", req.Header.Get("Accept-Language")+"/"+req.Header.Get("X-Mode"))
	})
	for range 2 {
		for _, language := range []string{"de", "en", ""} {
			for _, mode := range []string{"a", "b"} {
				given := []string{"X-Mode", mode, "X-Other", strconv.Itoa(int(o.requests.Load()))}
				if language != "" {
					given = append(given, "Accept-Language", language)
				}
				if got := r.get("/", given...); got.Header.Get("X-Answer") != language+"/"+mode {
					t.Errorf("asked for %s/%s, got %s", language, mode, got.Header.Get("X-Answer"))
				}
			}
		}
	}
	if o.requests.Load() != 6 {
		t.Errorf("%d requests for 6 variants", o.requests.Load())
	}
	if s := r.gw.Stats(); s.Cache["vary_miss"] != 5 || s.Cache["hit"] != 6 {
		t.Errorf("counted %v", s.Cache)
	}
}

// An answer that does not say it is for all is not given to who says who he is, and not the
// other way round.
func TestCredentialsAreKeptApart(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=60"))
	anonymous := r.get("/").body
	if got := r.get("/", "Authorization", "Bearer x"); got.body == anonymous || !strings.Contains(got.Header.Get("Cache-Status"), "fwd=bypass") {
		t.Errorf("with credentials: %q, %q", got.body, got.Header.Get("Cache-Status"))
	}
	if got := r.get("/"); got.body != anonymous || o.requests.Load() != 2 {
		t.Errorf("without: %q after %d requests, want %q after 2", got.body, o.requests.Load(), anonymous)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=60"))
	head := func() reply { return r.send(r.request("HEAD", "/", http.NoBody)) }
	if got := head(); strings.Contains(got.Header.Get("Cache-Status"), "hit") {
		t.Error("a hit before there was an answer")
	}
	if got := r.get("/"); got.body != "answer 2" {
		t.Fatalf("GET after HEAD: %q; a HEAD must not be kept as a GET", got.body)
	}
	got := head()
	if o.requests.Load() != 2 || got.ContentLength != int64(len("answer 2")) || got.body != "" || got.Header.Get("Age") == "" {
		t.Errorf("HEAD after GET: %d requests, length %d", o.requests.Load(), got.ContentLength)
	}
}

func TestOnlyIfCached(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=60"))
	r.wantProblem(r.get("/", "Cache-Control", "only-if-cached"), http.StatusGatewayTimeout)
	if o.requests.Load() != 0 {
		t.Error("the server was asked")
	}
	want := r.get("/").body
	if got := r.get("/", "Cache-Control", "only-if-cached"); got.body != want {
		t.Errorf("got %q, want %q", got.body, want)
	}
	if s := r.gw.Stats(); s.UpstreamErrors["broken"]+s.UpstreamErrors["timeout"] != 0 || s.Cache["unmet"] != 1 {
		t.Errorf("counted %v %v", s.UpstreamErrors, s.Cache)
	}
}

func TestLongBodiesAreNotKept(t *testing.T) {
	t.Parallel()
	for _, declared := range []bool{true, false} {
		for _, tt := range []struct {
			bytes int
			kept  bool
		}{{0, true}, {1000, true}, {60 << 10, true}, {100 << 10, true}, {200 << 10, false}} {
			t.Run(fmt.Sprint(tt.bytes, declared), func(t *testing.T) {
				t.Parallel()
				o := &origin{answer: func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Cache-Control", "max-age=60")
					w.Header().Set("X-Done", "1")
					if declared {
						w.Header().Set("Content-Length", strconv.Itoa(tt.bytes))
					} else {
						_ = http.NewResponseController(w).Flush()
					}
					_, _ = io.WriteString(w, strings.Repeat("x", tt.bytes))
				}}
				r := newRig(t, options{cfg: gateway.Config{CacheMaxBodyBytes: 100 << 10}}, backend(t, o.ServeHTTP).URL)
				for range 2 {
					if got := r.get("/"); len(got.body) != tt.bytes || got.err != nil {
						t.Errorf("got %d bytes, %v", len(got.body), got.err)
					}
				}
				if kept := o.requests.Load() == 1; kept != tt.kept {
					t.Errorf("kept: %v, want %v", kept, tt.kept)
				}
			})
		}
	}
}

func TestClearingTheCache(t *testing.T) {
	t.Parallel()
	r, _ := cached(t, headers("Cache-Control", "max-age=60"))
	first := r.get("/a").body
	if n, err := r.cache.Clear(t.Context(), gateway.CacheName); n != 1 || err != nil {
		t.Errorf("cleared %d, %v", n, err)
	}
	if got := r.get("/a").body; got == first {
		t.Error("the answer is still there")
	}
	if n := r.cache.ClearPattern(t.Context(), r.url+"/*"); n != 1 {
		t.Errorf("cleared %d by pattern %s", n, r.url+"/*")
	}
}

func TestKeptAnswersSurviveAnOutage(t *testing.T) {
	t.Parallel()
	r, _ := cached(t, headers("Cache-Control", "max-age=60"))
	want := r.get("/").body
	maintenance := "maintenance"
	if err := r.pool.Update("a", balancer.ServerPatch{Status: &maintenance}); err != nil {
		t.Fatal(err)
	}
	if got := r.get("/"); got.body != want {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
	r.wantProblem(r.get("/other"), http.StatusServiceUnavailable)
}

func TestMemoryOfTheCacheIsAccounted(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 10_000)
	r, _ := cached(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	})
	for i := range 20 {
		r.get(fmt.Sprintf("/%d", i))
	}
	c := r.cache.Stats().Caches[gateway.CacheName]
	if c.Entries != 20 || c.Bytes < 20*10_000 || c.Bytes > 20*13_000 {
		t.Errorf("%d entries of %d bytes", c.Entries, c.Bytes)
	}
}
