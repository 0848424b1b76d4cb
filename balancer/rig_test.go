package balancer

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// backend starts a real server that says its name.
func backend(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func answers(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// breaksOff declares ten bytes, or a stream, and hangs up before the second or first.
func breaksOff(contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType == "" {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		} else {
			w.Header().Set("Content-Type", contentType)
		}
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(says(""))
	s.Close()
	return s.URL
}

// newPool returns a pool over the URLs, named a, b, c…; at the end its ledger must be 0.
func newPool(t *testing.T, cfg Config, urls ...string) *Pool {
	t.Helper()
	for i, u := range urls {
		cfg.Servers = append(cfg.Servers, ServerConfig{ID: string(rune('a' + i)), URL: u})
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkLedger(t, p)
		p.CloseIdleConnections()
	})
	return p
}

// checkLedger fails unless, soon, nothing is in flight and every call is accounted for.
func checkLedger(t *testing.T, p *Pool) {
	t.Helper()
	eventually(t, "the ledger to be empty", func() bool { return p.Stats().ActiveConnections == 0 })
	st := p.Stats()
	if st.Requests != st.Succeeded+st.Failed+st.Cancelled {
		t.Errorf("requests %d, but %d succeeded + %d failed + %d cancelled", st.Requests, st.Succeeded, st.Failed, st.Cancelled)
	}
	if n := p.budget.retrying.Load(); n != 0 {
		t.Errorf("retries under way %d, want 0", n)
	}
	for _, s := range p.view.Load().servers {
		if s.oldest != nil || s.newest != nil || s.work != 0 {
			t.Errorf("server %s: ledger %v %v, work %v", s.id, s.oldest, s.newest, s.work)
		}
	}
}

// eventually waits for what must come about by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// send makes a request through the pool and returns status and body.
func send(t *testing.T, p *Pool, req *http.Request) (int, string) {
	t.Helper()
	resp, err := p.RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func request(t *testing.T, method, path string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://pool"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// running runs the pool until the test ends.
func running(t *testing.T, p *Pool) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
