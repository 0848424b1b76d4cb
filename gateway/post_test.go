package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
)

// asked is a gateway whose answers to POST are kept, before a server.
func asked(t *testing.T, answer http.HandlerFunc) (*rig, *origin) {
	t.Helper()
	o := &origin{answer: answer}
	cfg := gateway.Config{CachePost: []gateway.PostRoute{
		{Path: "/v1/embeddings"}, {Path: "/v1/chat/completions", TTL: time.Minute}, {Path: "/v1/messages"},
	}}
	return newRig(t, options{cfg: cfg}, backend(t, o.ServeHTTP).URL), o
}

func (r *rig) post(path, body string, headers ...string) reply {
	r.Helper()
	return r.send(r.request(http.MethodPost, path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...))
}

// model answers like OpenAI: each call in a form of its own, and says which call it was.
func model(calls *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n := calls.Add(1)
		w.Header().Set("X-Done", "1")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("X-Ratelimit-Remaining", "7")
		head := fmt.Sprintf(`"id":"c%d","created":1,"model":"m"`, n)
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{%s,"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"total_tokens":3}}`, head)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache")
		for _, part := range []string{
			`"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]`,
			`"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]`,
			`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]`,
			`"choices":[],"usage":{"total_tokens":3}`,
		} {
			fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",%s}\n\n", head, part)
			_ = http.NewResponseController(w).Flush()
		}
		fmt.Fprint(w, "data: [DONE]\n\n")
	}
}

const (
	plainAsk  = `{"model":"m","temperature":0,"messages":[]}`
	streamAsk = `{"model":"m","temperature":0,"messages":[],"stream":true,"stream_options":{"include_usage":true}}`
	bareAsk   = `{"model":"m","temperature":0,"messages":[],"stream":true}`
)

// A hit is the answer byte for byte in the form in which it came, and otherwise in the form that
// was asked for.
func TestHitComesInTheFormThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, first := range []string{plainAsk, streamAsk} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			r, _ := asked(t, model(&calls))
			miss := r.post("/v1/chat/completions", first)
			if s := miss.Header.Get("Cache-Status"); s != "upshift; fwd=miss" || miss.Header.Get("Set-Cookie") == "" {
				t.Errorf("the first: %q, %v", s, miss.Header)
			}
			again := r.post("/v1/chat/completions", first)
			if again.body != miss.body || again.Header.Get("Content-Type") != miss.Header.Get("Content-Type") ||
				!strings.HasPrefix(again.Header.Get("Cache-Status"), "upshift; hit; ttl=") || again.Header.Get("Age") == "" {
				t.Errorf("got %q, %v; want %q", again.body, again.Header, miss.body)
			}
			if again.Header.Get("Set-Cookie") != "" || again.Header.Get("X-Ratelimit-Remaining") != "" {
				t.Errorf("what is of one request was kept: %v", again.Header)
			}
			whole := r.post("/v1/chat/completions", plainAsk)
			if whole.Header.Get("Content-Type") != "application/json" || !strings.Contains(whole.body, `"content":"hello"`) ||
				!strings.Contains(whole.body, `"total_tokens":3`) || !strings.Contains(whole.body, `"c1"`) {
				t.Errorf("in one piece: %v %s", whole.Header, whole.body)
			}
			stream := r.post("/v1/chat/completions", streamAsk)
			if !strings.HasPrefix(stream.Header.Get("Content-Type"), "text/event-stream") || !strings.HasSuffix(stream.body, "data: [DONE]\n\n") ||
				!strings.Contains(stream.body, `"content":"hello"`) || !strings.Contains(stream.body, `"total_tokens":3`) || stream.ContentLength != -1 {
				t.Errorf("as a stream: %v %s", stream.Header, stream.body)
			}
			if bare := r.post("/v1/chat/completions", bareAsk); strings.Contains(bare.body, "usage") || !strings.Contains(bare.body, `"content":"hello"`) {
				t.Errorf("as a stream without usage: %s", bare.body)
			}
			if calls.Load() != 1 {
				t.Errorf("%d calls, want 1", calls.Load())
			}
		})
	}
}

// An answer that cannot be had in the other form is asked for in it, and both are kept.
func TestFormsThatCannotBeTurned(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	r, _ := asked(t, func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("X-Done", "1")
		w.Header().Set("Content-Type", "application/json")
		text := `{"own":"format"}`
		if strings.Contains(string(body), "stream") {
			w.Header().Set("Content-Type", "text/event-stream")
			text = "data: {\"own\":\"stream\"}\n\ndata: [DONE]\n\n"
		}
		fmt.Fprint(w, text)
	})
	for range 3 {
		if got := r.post("/v1/chat/completions", plainAsk); got.body != `{"own":"format"}` {
			t.Errorf("got %s", got.body)
		}
		if got := r.post("/v1/chat/completions", bareAsk); !strings.HasPrefix(got.body, `data: {"own":"stream"}`) {
			t.Errorf("got %s", got.body)
		}
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls, want 2", calls.Load())
	}
	c := r.cache.Stats().Caches[gateway.CacheName]
	if c.Entries != 1 {
		t.Errorf("%d entries, want both forms in one", c.Entries)
	}
}

func TestWhatIsKeptOfPost(t *testing.T) {
	t.Parallel()
	whole := `{"data":[1]}`
	for _, tt := range []struct {
		name, path, body string
		request, answer  []string
		status           int
		text             string
		kept             bool
		detail           string
	}{
		{name: "embeddings", path: "/v1/embeddings", body: `{"input":"x"}`, kept: true},
		{name: "who asks", path: "/v1/embeddings", body: `{"input":"x"}`, request: []string{"Authorization", "Bearer x"}, kept: true},
		{name: "temperature 0", path: "/v1/messages", body: `{"temperature":0}`, kept: true},
		{name: "the server's no-cache", path: "/v1/embeddings", body: `{}`, answer: []string{"Cache-Control", "no-cache"}, kept: true},
		{name: "private", path: "/v1/embeddings", body: `{}`, answer: []string{"Cache-Control", "private"}, kept: true},

		{name: "another route", path: "/v1/other", body: `{}`},
		{name: "no temperature", path: "/v1/messages", body: `{}`, detail: "temperature"},
		{name: "no JSON", path: "/v1/embeddings", body: `x`, detail: "body"},
		{name: "empty", path: "/v1/embeddings", detail: "size"},
		{name: "long", path: "/v1/embeddings", body: `{"input":"` + strings.Repeat("x", 1<<20) + `"}`, detail: "size"},
		{name: "stored there", path: "/v1/messages", body: `{"temperature":0,"store":true}`, detail: "state"},
		{name: "tools there", path: "/v1/messages", body: `{"temperature":0,"tools":[{"type":"bash"}]}`, detail: "tools"},
		{name: "coded", path: "/v1/embeddings", body: `{}`, request: []string{"Content-Encoding", "gzip"}, detail: "content-type"},
		{name: "hidden header", path: "/v1/embeddings", body: `{}`, request: []string{"Connection", "X-Tenant", "X-Tenant", "a"}, detail: "connection"},
		{name: "request no-store", path: "/v1/embeddings", body: `{}`, request: []string{"Cache-Control", "no-store"}},
		{name: "request no-cache", path: "/v1/embeddings", body: `{}`, request: []string{"Cache-Control", "no-cache"}},
		{name: "request Pragma", path: "/v1/embeddings", body: `{}`, request: []string{"Pragma", "no-cache"}},
		{name: "answer no-store", path: "/v1/embeddings", body: `{}`, answer: []string{"Cache-Control", "no-store"}},
		{name: "answer coded", path: "/v1/embeddings", body: `{}`, answer: []string{"Content-Encoding", "br"}},
		{name: "429", path: "/v1/embeddings", body: `{}`, status: 429},
		{name: "404", path: "/v1/embeddings", body: `{}`, status: 404},
		{name: "500", path: "/v1/embeddings", body: `{}`, status: 500},
		{name: "201", path: "/v1/embeddings", body: `{}`, status: 201},
		{name: "an error", path: "/v1/embeddings", body: `{}`, text: `{"error":{"message":"busy"}}`},
		{name: "half an answer", path: "/v1/embeddings", body: `{}`, text: `{"data":[`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, o := asked(t, func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				headers(append([]string{"Content-Type", "application/json", "X-Done", "1"}, tt.answer...)...)(w, req)
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				text := tt.text
				if text == "" {
					text = whole
				}
				fmt.Fprint(w, text)
			})
			first := r.post(tt.path, tt.body, tt.request...)
			second := r.post(tt.path, tt.body, tt.request...)
			if kept := o.requests.Load() == 1; kept != tt.kept || second.body != first.body || second.StatusCode != first.StatusCode {
				t.Errorf("%d requests; %d %q, then %d %q %q", o.requests.Load(), first.StatusCode, first.body, second.StatusCode, second.body, second.Header.Get("Cache-Status"))
			}
			if tt.detail != "" && second.Header.Get("Cache-Status") != "upshift; fwd=bypass; detail="+tt.detail {
				t.Errorf("Cache-Status %q, want the detail %s", second.Header.Get("Cache-Status"), tt.detail)
			}
		})
	}
}

// Who asks is a part of the question: nobody gets what another was answered, also not while it
// comes.
func TestTenantsAreKeptApart(t *testing.T) {
	t.Parallel()
	const each = 5
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	r, o := asked(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		arrived <- struct{}{}
		<-release
		headers("Content-Type", "application/json", "X-Done", "1")(w, req)
		fmt.Fprintf(w, `{"for":%q}`, req.Header.Get("Authorization")+req.Header.Get("X-Tenant"))
	})
	who := [][2]string{{"Authorization", "a"}, {"Authorization", "b"}, {"X-Tenant", "a"}, {"X-Api-Key", "a"}}
	var wg sync.WaitGroup
	for range each {
		for _, w := range who {
			wg.Go(func() {
				want := fmt.Sprintf(`{"for":%q}`, w[1])
				if w[0] == "X-Api-Key" {
					want = `{"for":""}`
				}
				if got := r.post("/v1/embeddings", `{"input":"x"}`, w[0], w[1]); got.body != want {
					t.Errorf("%v got %s", w, got.body)
				}
			})
		}
	}
	for range who {
		<-arrived
	}
	close(release)
	wg.Wait()
	if n := o.requests.Load(); n != int64(len(who)) {
		t.Errorf("%d requests, want one for each who asks", n)
	}
	if c := r.cache.Stats().Caches[gateway.EmbeddingsCacheName]; c.Entries != len(who) {
		t.Errorf("%d entries", c.Entries)
	}
}

// stream opens an event stream.
func (r *rig) stream(ctx context.Context, body string) *bufio.Reader {
	r.Helper()
	req := r.request(http.MethodPost, "/v1/chat/completions", strings.NewReader(body), "Content-Type", "application/json").WithContext(ctx)
	res, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { res.Body.Close() })
	return bufio.NewReader(res.Body)
}

func (r *rig) wantToken(from *bufio.Reader, token string) {
	r.Helper()
	r.wantLine(from, "data: "+token)
	r.wantLine(from, "")
}

// Streams of tokens are ridden on like any answer: prefix at once, the rest as it comes, kept
// when the end has come, without the client that asked first.
func TestRidingOnATokenStream(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	r, o := asked(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.ReadAll(req.Body)
		w.Header().Set("X-Done", "1")
		tokens(next, make(chan struct{}))(w, req)
	})
	ctx, leave := context.WithCancel(t.Context())
	first := r.stream(ctx, bareAsk)
	next <- "1"
	r.wantToken(first, "1")
	second := r.stream(t.Context(), bareAsk)
	r.wantToken(second, "1")
	next <- "2"
	r.wantToken(first, "2")
	r.wantToken(second, "2")
	leave()
	eventually(t, "the first client to be gone", func() bool { return r.gw.Stats().ClientsGone == 1 })
	next <- "[DONE]"
	r.wantToken(second, "[DONE]")
	close(next)
	if _, err := second.ReadByte(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
	if got := r.post("/v1/chat/completions", bareAsk); got.body != "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n" || o.requests.Load() != 1 {
		t.Errorf("kept %q after %d requests", got.body, o.requests.Load())
	}
}

// A stream without its last event is passed on as it is and not kept.
func TestStreamWithoutItsEndIsNotKept(t *testing.T) {
	t.Parallel()
	r, o := asked(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.ReadAll(req.Body)
		headers("Content-Type", "text/event-stream", "X-Done", "1")(w, req)
		fmt.Fprint(w, "data: 1\n\n")
	})
	for range 2 {
		if got := r.post("/v1/chat/completions", bareAsk); got.body != "data: 1\n\n" || got.err != nil {
			t.Errorf("got %q, %v", got.body, got.err)
		}
	}
	if o.requests.Load() != 2 {
		t.Error("half a stream was kept")
	}
}

// Failures go to those who wait for them, so that an overloaded server is asked once.
func TestFailuresAreShared(t *testing.T) {
	t.Parallel()
	const clients = 20
	for _, failure := range []int{429, 0} {
		t.Run(fmt.Sprint(failure), func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			r, o := asked(t, func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				<-release
				if failure == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Retry-After", "9")
				w.WriteHeader(failure)
			})
			var wg sync.WaitGroup
			for range clients {
				wg.Go(func() {
					got := r.post("/v1/embeddings", `{"input":"x"}`)
					if failure == 0 && got.StatusCode != http.StatusBadGateway || failure != 0 && (got.StatusCode != failure || got.Header.Get("Retry-After") != "9") {
						t.Errorf("got %d %v", got.StatusCode, got.Header)
					}
				})
			}
			eventually(t, "all clients", func() bool { return r.gw.Stats().InFlight == clients })
			eventually(t, "the request", func() bool { return o.requests.Load() > 0 })
			close(release)
			wg.Wait()
			if n := o.requests.Load(); n >= clients/2 { // who comes a moment too late asks again
				t.Errorf("%d requests", n)
			}
		})
	}
}

// Money and time that a hit spares are counted; who shares a request spares money alone.
func TestSavings(t *testing.T) {
	t.Parallel()
	o := &origin{answer: func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		headers("Content-Type", "application/json", "X-Done", "1")(w, req)
		fmt.Fprint(w, `{"usage":7}`)
	}}
	group, err := cache.New(cache.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, options{
		group: group, cfg: gateway.Config{CachePost: []gateway.PostRoute{{Path: "/*"}}},
		price: func(req *http.Request, a gateway.Answer) (float64, bool) {
			return 0.25, req.URL.Path == "/embeddings" && a.Status == 200 && string(a.Body) == `{"usage":7}`
		},
	}, backend(t, o.ServeHTTP).URL)
	body := `{"temperature":0}`
	r.post("/embeddings", body)
	if s := r.gw.Stats(); s.SavedSeconds != 0 || s.SavedDollars != 0 {
		t.Errorf("a miss saved %v s, $%v", s.SavedSeconds, s.SavedDollars)
	}
	for range 4 {
		r.post("/embeddings", body)
	}
	r.post("/other", body)
	r.post("/other", body)
	if c := group.Stats().Caches[gateway.CacheName]; c.MoneySaved != 1 || c.TimeSaved <= 0 {
		t.Errorf("the cache saved %v s, $%v; want some and $1", c.TimeSaved, c.MoneySaved)
	}
	if s := r.gw.Stats(); s.SavedDollars != 1 || s.SavedSeconds <= 0 {
		t.Errorf("saved %v s, $%v; want some and $1", s.SavedSeconds, s.SavedDollars)
	}
}

// Who shares a request spares its price, and no time.
func TestSavingsOfThoseWhoRide(t *testing.T) {
	t.Parallel()
	l := newLines()
	r := newRig(t, options{price: func(*http.Request, gateway.Answer) (float64, bool) { return 0.5, true }}, backend(t, l.answer).URL)
	_, first := r.open(t.Context(), "/")
	_, second := r.open(t.Context(), "/")
	l.next <- "one"
	close(l.next)
	for _, body := range []*bufio.Reader{first, second} {
		if _, err := io.ReadAll(body); err != nil {
			t.Error(err)
		}
	}
	if s := r.gw.Stats(); s.SavedDollars != 0.5 || s.SavedSeconds != 0 {
		t.Errorf("saved %v s, $%v; want $0.5", s.SavedSeconds, s.SavedDollars)
	}
}

// A new answer that a client asked for takes the place of the old one in every form.
func TestNewAnswerReplacesTheOldForms(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	r, _ := asked(t, model(&calls))
	r.post("/v1/chat/completions", plainAsk)
	r.post("/v1/chat/completions", streamAsk, "Cache-Control", "no-cache")
	if got := r.post("/v1/chat/completions", plainAsk); !strings.Contains(got.body, `"c2"`) || calls.Load() != 2 {
		t.Errorf("after %d calls: %s", calls.Load(), got.body)
	}
}

func TestRoutesChangeWhileRunning(t *testing.T) {
	t.Parallel()
	r, o := asked(t, func(w http.ResponseWriter, req *http.Request) {
		headers("Content-Type", "application/json", "X-Done", "1")(w, req)
		fmt.Fprint(w, `{}`)
	})
	ask := func() { r.post("/v1/rerank", `{"a":1}`) }
	ask()
	ask()
	if err := r.gw.Apply(gateway.Config{CachePost: []gateway.PostRoute{{Path: "/v1/re*", When: "always", Cache: "tools"}}}); err != nil {
		t.Fatal(err)
	}
	ask()
	ask()
	if n := o.requests.Load(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	if n, err := r.cache.Clear(t.Context(), "tools"); n != 1 || err != nil {
		t.Errorf("cleared %d, %v", n, err)
	}
	if _, err := cache.Named(r.cache, "numbers", cache.Options[int]{}); err != nil {
		t.Fatal(err)
	}
	if err := r.gw.Apply(gateway.Config{CachePost: []gateway.PostRoute{{Path: "/x", Cache: "numbers"}}}); err == nil || !strings.Contains(err.Error(), "gateway.cache_post[0].cache") {
		t.Errorf("a cache of something else: %v", err)
	}
	ask()
	ask()
	if n := o.requests.Load(); n != 4 {
		t.Errorf("%d requests, want 4: the routes are as they were", n)
	}
}
