package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

// startReplica is a steady replica whose agents call each other without a gateway.
func startReplica(t *testing.T) (*replica, *httptest.Server) {
	t.Helper()
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.SetEnabled(true)
	r := newReplica("rag-fast", pace{factor: 0.01, slots: 4}, alwaysSteady,
		world{gateway: newCaller(), passages: sharedCorpus(), profiler: p})
	srv := httptest.NewServer(r.handler())
	r.gateway.to(srv.Listener.Addr().String())
	t.Cleanup(func() {
		_ = r.gateway.close()
		srv.Client().CloseIdleConnections()
		srv.Close()
	})
	return r, srv
}

func post(t *testing.T, srv *httptest.Server, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestAskLetsEveryAgentWork(t *testing.T) {
	t.Parallel()
	r, srv := startReplica(t)
	resp := post(t, srv, "/ask", `{"question":"What causes noise in a pump?","max_tokens":12}`)
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("status %d, type %q", resp.StatusCode, got)
	}
	words, used, done := 0, usage{}, false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case !ok:
			continue
		case data == "[DONE]":
			done = true
			continue
		}
		var c completion
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("event %q: %v", data, err)
		}
		if c.Choices[0].Delta.Content != "" {
			words++
		}
		if c.Usage != nil {
			used = *c.Usage
		}
	}
	if words != 12 || !done || used.CompletionTokens != 12 || used.PromptTokens < 100 {
		t.Errorf("%d words, done %v, usage %+v; want 12 words from a prompt with passages", words, done, used)
	}
	for _, name := range []string{"planner.ask", "planner.embed", "embedder.embed", "retriever.search", "reranker.rank", "model.generate"} {
		if f, ok := r.profiler.Function(name); !ok || f.Calls != 1 || f.Errors != 0 {
			t.Errorf("%s: %d calls, %d errors; want one call", name, f.Calls, f.Errors)
		}
	}
}

func TestAnswersAreAsTheAPIsSay(t *testing.T) {
	t.Parallel()
	_, srv := startReplica(t)
	const words = `"messages":[{"role":"user","content":"a b"}]`
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		contains, cacheControl   string
	}{
		{"models", "GET", "/v1/models", "", 200, `"demo-8b"`, "public, max-age=20"},
		{"retrieve", "GET", "/retrieve?k=3&q=noise+pump", "", 200, `"topic":"noise pump"`, "public, max-age=30"},
		{"nothing found", "GET", "/retrieve?k=3&q=hello", "", 200, `"chunks":[]`, "public, max-age=30"},
		{"embeddings", "POST", "/v1/embeddings", `{"input":["a"]}`, 200, `"embedding":[`, ""},
		{"whole answer", "POST", "/v1/chat/completions", `{"max_tokens":3,` + words + `}`, 200, `"content":"a b a"`, ""},
		{"default length", "POST", "/v1/chat/completions", `{` + words + `}`, 200, `"completion_tokens":64`, ""},
		{"no words", "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":""}],"max_tokens":1}`, 200, "Nothing", ""},
		{"no messages", "POST", "/v1/chat/completions", `{}`, 400, "messages", ""},
		{"too long", "POST", "/v1/chat/completions", `{"max_tokens":1001,` + words + `}`, 400, "max_tokens", ""},
		{"not JSON", "POST", "/v1/chat/completions", `{`, 400, "JSON", ""},
		{"too big", "POST", "/rerank", `{"chunks":[{"content":"` + strings.Repeat("x", maxBody) + `"}]}`, 400, "JSON", ""},
		{"no question", "POST", "/ask", `{"question":" "}`, 400, "question", ""},
		{"negative length", "POST", "/ask", `{"question":"x","max_tokens":-1}`, 400, "max_tokens", ""},
		{"no input", "POST", "/v1/embeddings", `{"input":[]}`, 400, "input", ""},
		{"no k", "GET", "/retrieve?q=x", "", 400, "k a number", ""},
		{"too many", "GET", "/retrieve?q=x&k=51", "", 400, "k a number", ""},
		{"unknown", "GET", "/nothing", "", 404, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), tc.method, srv.URL+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || !strings.Contains(string(body), tc.contains) {
				t.Errorf("%d %s; want %d with %q", resp.StatusCode, body, tc.status, tc.contains)
			}
			if got := resp.Header.Get("Cache-Control"); got != tc.cacheControl {
				t.Errorf("Cache-Control = %q, want %q", got, tc.cacheControl)
			}
		})
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
}

func TestModelStopsWhenTheReaderLeaves(t *testing.T) {
	t.Parallel()
	r, srv := startReplica(t)
	r.pace.factor = 1
	ctx, leave := context.WithCancel(t.Context())
	body := strings.NewReader(`{"messages":[{"role":"user","content":"a"}],"stream":true,"max_tokens":1000}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/chat/completions", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if len(r.model.free) != 1 {
		t.Fatalf("%d slots taken while it streams, want 1", len(r.model.free))
	}
	leave()
	for deadline := time.Now().Add(3 * time.Second); len(r.model.free) != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the model still generates for a reader who has left")
		}
		time.Sleep(time.Millisecond) // a poll: the server notices when it writes
	}
}

// brokenPath fails the call of one path.
type brokenPath struct {
	path string
	next http.RoundTripper
}

func (b brokenPath) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == b.path {
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Status: "503 Service Unavailable", Body: http.NoBody, Request: req}, nil
	}
	return b.next.RoundTrip(req)
}

func TestAskDoesWithoutWhatItCan(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/v1/embeddings": 200, "/rerank": 200, "/retrieve": 502, "/v1/chat/completions": 502,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r, srv := startReplica(t)
			whole := r.gateway.http.Transport
			t.Cleanup(whole.(*http.Transport).CloseIdleConnections)
			r.gateway.http.Transport = brokenPath{path, whole}
			resp := post(t, srv, "/ask", `{"question":"What causes noise in a pump?","max_tokens":3}`)
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != want {
				t.Errorf("without %s: %d %s %v, want %d", path, resp.StatusCode, body, err, want)
			}
		})
	}
}
