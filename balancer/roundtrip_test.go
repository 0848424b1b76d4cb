package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRoundTripRewritesTheTarget(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, r.Host)
	})
	for _, tt := range []struct{ name, base, path, host, want string }{
		{"root", "", "/x?q=1", "", "GET /x?q=1 pool"},
		{"base path", "/v1", "/x", "", "GET /v1/x pool"},
		{"base path with slash", "/v1/", "/x", "", "GET /v1/x pool"},
		{"escapes are kept", "/v1", "/a%2Fb", "", "GET /v1/a%2Fb pool"},
		{"host header is the request's", "", "/", "example.org", "GET / example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, Config{}, s.URL+tt.base)
			req := request(t, "GET", tt.path, nil)
			if tt.host != "" {
				req.Host = tt.host
			}
			before := *req.URL
			if _, got := send(t, p, req); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if *req.URL != before {
				t.Errorf("the request was changed: %v", req.URL)
			}
		})
	}
}

func TestEmptyHostBecomesTheServers(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })
	req := request(t, "GET", "/", nil)
	req.Host = ""
	if _, got := send(t, newPool(t, Config{}, s.URL), req); "http://"+got != s.URL {
		t.Errorf("got host %q, want that of %s", got, s.URL)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	good := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "good:"+string(body))
	})
	hangUp := func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	opaque := func(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }
	for _, tt := range []struct {
		name     string
		bad      string
		method   string
		path     string
		body     io.Reader
		length   int64
		key      string
		want     string
		attempts int
	}{
		{name: "GET after 503", bad: backend(t, answers(503)).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "GET after 502", bad: backend(t, answers(502)).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "GET after 504", bad: backend(t, answers(504)).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "GET after 500", bad: backend(t, answers(500)).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "GET after 429", bad: backend(t, answers(429)).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "GET after 402", bad: backend(t, answers(402)).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "no retry after 501", bad: backend(t, answers(501)).URL, method: "GET", want: "501 ", attempts: 1},
		{name: "POST after 429 is not repeated", bad: backend(t, answers(429)).URL, method: "POST", body: strings.NewReader("x"), want: "429 ", attempts: 1},
		{name: "POST on a path that may be repeated", bad: backend(t, answers(429)).URL, method: "POST", path: "/v1/embeddings", body: strings.NewReader("x"), want: "200 good:x", attempts: 2},
		{name: "gRPC unavailable", bad: backend(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Grpc-Status", "14") }).URL, method: "POST", path: "/v1/embeddings", body: strings.NewReader("x"), want: "200 good:x", attempts: 2},
		{name: "short answer that breaks off", bad: backend(t, breaksOff("")).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "stream that breaks off before its first byte", bad: backend(t, breaksOff("text/event-stream")).URL, method: "POST", path: "/v1/embeddings", body: strings.NewReader("x"), want: "200 good:x", attempts: 2},
		{name: "TLS that is none", bad: "https" + strings.TrimPrefix(good.URL, "http"), method: "POST", body: strings.NewReader("x"), want: "200 good:x", attempts: 2},
		{name: "GET after a hang-up", bad: backend(t, hangUp).URL, method: "GET", want: "200 good:", attempts: 2},
		{name: "POST is sent once", bad: backend(t, answers(503)).URL, method: "POST", body: strings.NewReader("x"), want: "503 ", attempts: 1},
		{name: "POST after a hang-up is not repeated", bad: backend(t, hangUp).URL, method: "POST", body: strings.NewReader("x"), want: "0 ", attempts: 1},
		{name: "POST with Idempotency-Key", bad: backend(t, answers(503)).URL, method: "POST", body: strings.NewReader("x"), key: "k", want: "200 good:x", attempts: 2},
		{name: "POST to a closed port, body untouched", bad: closedPort(t), method: "POST", body: opaque("stream"), length: -1, want: "200 good:stream", attempts: 2},
		{name: "PUT with a small opaque body is held", bad: backend(t, answers(503)).URL, method: "PUT", body: opaque("held"), length: 4, want: "200 good:held", attempts: 2},
		{name: "PUT with a body of unknown length is not", bad: backend(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(503)
		}).URL, method: "PUT", body: opaque("long"), length: -1, want: "503 ", attempts: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, Config{Strategy: LeastConnections, RepeatPaths: []string{"/v1/*"}, Servers: []ServerConfig{
				{ID: "bad", URL: tt.bad, Weight: 1000}, {ID: "good", URL: good.URL, Weight: 0.001}, // bad is picked first
			}})
			ctx, trace := WithTrace(t.Context())
			req := request(t, tt.method, "/"+strings.TrimPrefix(tt.path, "/"), tt.body).WithContext(ctx)
			if tt.length != 0 {
				req.ContentLength = tt.length
			}
			if tt.key != "" {
				req.Header.Set("Idempotency-Key", tt.key)
			}
			code, body := send(t, p, req)
			if code == 0 {
				body = ""
			}
			if got := fmt.Sprint(code, " ", body); got != tt.want || trace.Attempts != tt.attempts {
				t.Errorf("got %q in %d attempts, want %q in %d", got, trace.Attempts, tt.want, tt.attempts)
			}
		})
	}
}

func TestLastAnswerIsHandedOut(t *testing.T) {
	t.Parallel()
	a, b := backend(t, answers(503)), backend(t, answers(502))
	p := newPool(t, Config{MaxRetries: 5}, a.URL, b.URL)
	ctx, trace := WithTrace(t.Context())
	code, _ := send(t, p, request(t, "GET", "/", nil).WithContext(ctx))
	if code != 502 && code != 503 || trace.Attempts != 5 {
		t.Errorf("got %d after %d attempts, want the upstream's answer after 5", code, trace.Attempts)
	}
	st := p.Stats()
	if st.Requests != 1 || st.Failed != 1 || st.Retries != 4 || st.SuccessPercent != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestRetryBudget(t *testing.T) {
	t.Parallel()
	b := budget{}
	for range minRetries {
		if !b.take() {
			t.Fatal("three retries are always allowed")
		}
	}
	if b.take() {
		t.Error("a fourth retry with nothing saved was allowed")
	}
	for range 10 {
		b.earn(0.2)
	}
	for range 2 {
		if !b.take() {
			t.Fatal("ten calls must pay for two retries")
		}
	}
	if b.take() || b.denied.Load() != 2 {
		t.Errorf("a third was allowed, or denied is %d, want 2", b.denied.Load())
	}
	for range minRetries + 2 {
		b.give()
	}
	for range 10_000 {
		b.earn(0.2)
	}
	n := 0
	for b.take() {
		n++
	}
	if n < 100 || n > 100+minRetries+1 {
		t.Errorf("%d retries at once, want the hundred that can be saved up", n)
	}
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	empty := newPool(t, Config{})
	_, err := empty.RoundTrip(request(t, "GET", "/", nil))
	var u *UnavailableError
	if !errors.Is(err, ErrNoServers) || !errors.As(err, &u) || u.RetryAfter < time.Second {
		t.Errorf("got %v, want ErrNoServers with a time to try again", err)
	}
	p := newPool(t, Config{}, closedPort(t))
	status := StatusMaintenance
	if err := p.Update("a", ServerPatch{Status: &status}); err != nil {
		t.Fatal(err)
	}
	if _, err = p.RoundTrip(request(t, "GET", "/", nil)); !errors.Is(err, ErrNoHealthyServer) {
		t.Errorf("got %v, want ErrNoHealthyServer", err)
	}
}

func TestMaxConnections(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	s := backend(t, func(http.ResponseWriter, *http.Request) { <-hold })
	p := newPool(t, Config{Servers: []ServerConfig{{ID: "a", URL: s.URL, MaxConnections: 1}}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		send(t, p, request(t, "GET", "/", nil))
	}()
	eventually(t, "the first call", func() bool { return p.Stats().ActiveConnections == 1 })
	_, err := p.RoundTrip(request(t, "GET", "/", nil))
	var u *UnavailableError
	if !errors.Is(err, ErrServersBusy) || !errors.As(err, &u) || u.RetryAfter != time.Second {
		t.Errorf("got %v, want ErrServersBusy, again in 1 s", err)
	}
	close(hold)
	<-done
	if code, _ := send(t, p, request(t, "GET", "/", nil)); code != 200 {
		t.Errorf("got %d after the place was free, want 200", code)
	}
}

func TestCancelIsNeitherSuccessNorFailure(t *testing.T) {
	t.Parallel()
	started, gone := make(chan struct{}, 2), make(chan struct{}, 2)
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			w.(http.Flusher).Flush()
		}
		started <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
	})
	for _, path := range []string{"/wait", "/stream"} {
		p := newPool(t, Config{}, s.URL)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-started; cancel() }()
		resp, err := p.RoundTrip(request(t, "GET", path, nil).WithContext(ctx))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", path, err)
		}
		<-gone // the server was told
		st := p.Stats()
		if st.Cancelled != 1 || st.Failed != 0 || st.Succeeded != 0 || st.SuccessPercent != 100 {
			t.Errorf("%s: got %+v, want one cancelled call", path, st)
		}
		if s := st.Servers["a"]; s.ErrorPercent != 0 || s.Status != StatusHealthy || s.Cancelled != 1 {
			t.Errorf("%s: server %+v", path, s)
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		want verdict
	}{
		{"200", says("x"), succeeded},
		{"404 is the client's", answers(404), succeeded},
		{"408", answers(408), failing},
		{"429", answers(429), throttled},
		{"500", answers(500), failing},
		{"truncated body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "five!")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, failing},
		{"gRPC unavailable in the trailer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.WriteString(w, "x")
			w.Header().Set("Grpc-Status", "14")
		}, failing},
		{"gRPC not found", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.WriteString(w, "x")
			w.Header().Set("Grpc-Status", "5")
		}, succeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, Config{MaxRetries: 1}, backend(t, tt.h).URL)
			resp, err := p.RoundTrip(request(t, "GET", "/", nil))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			st := p.Stats()
			if failed := st.Failed == 1; failed != (tt.want != succeeded) {
				t.Errorf("got %+v", st)
			}
			s := p.view.Load().servers[0]
			if sick := s.health.failures == 1; sick != (tt.want == failing) {
				t.Errorf("failures in a row %d; verdict %v", s.health.failures, tt.want)
			}
		})
	}
}

func TestRetryAfterCutsTheWeight(t *testing.T) {
	t.Parallel()
	busy := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(429)
	})
	for _, name := range Strategies() {
		p := newPool(t, Config{Strategy: name}, busy.URL, backend(t, says("ok")).URL)
		for p.Stats().Servers["a"].Requests == 0 {
			send(t, p, request(t, "GET", "/", nil))
		}
		for range 100 {
			send(t, p, request(t, "GET", "/", nil))
		}
		st := p.Stats().Servers["a"]
		if st.Requests > 25 || st.Status != StatusHealthy {
			t.Errorf("%s: a busy server got %d of some 100 calls (%s)", name, st.Requests, st.Status)
		}
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "99999": maxHold, "x": 0,
		"Tue, 24 Nov 2026 12:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(in, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestForbiddenAddressIsNotDialled(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"169.254.169.254:80", "[fd00:ec2::254]:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80",
		"[64:ff9b::a9fe:a9fe]:80", "[2002:a9fe:a9fe::1]:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80", "100.100.100.200:80", "nonsense",
	} {
		if err := dialControl("tcp", addr, nil); !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("dial %s: got %v, want ErrForbiddenAddress", addr, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:80", "10.0.0.1:80", "[::1]:80", "[fd00::1]:80", "93.184.216.34:443"} {
		if err := dialControl("tcp", addr, nil); err != nil {
			t.Errorf("dial %s: %v", addr, err)
		}
	}
}

// Many clients that give up at all times leave nothing behind.
func TestCancelStorm(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(time.Millisecond):
		}
		_, _ = io.WriteString(w, "done")
	})
	p := newPool(t, Config{}, s.URL, s.URL)
	var wg sync.WaitGroup
	var n atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n.Add(37)%2000)*time.Microsecond)
				ctx, stop := context.WithCancel(ctx)
				time.AfterFunc(time.Duration(n.Load()%1500)*time.Microsecond, stop)
				resp, err := p.RoundTrip(request(t, "GET", "/", nil).WithContext(ctx))
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				stop()
				cancel()
			}
		})
	}
	wg.Wait()
	if st := p.Stats(); st.Requests != 800 {
		t.Errorf("requests %d, want 800", st.Requests)
	}
}

// BenchmarkRoundTrip is a 1 KB answer over loopback, straight and through the pool.
func BenchmarkRoundTrip(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1024))
	}))
	defer s.Close()
	p, err := New(Config{Servers: []ServerConfig{{ID: "a", URL: s.URL}, {ID: "b", URL: s.URL}, {ID: "c", URL: s.URL}}})
	if err != nil {
		b.Fatal(err)
	}
	defer p.transport.CloseIdleConnections()
	for name, rt := range map[string]http.RoundTripper{"straight": p.transport, "pool": p} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), "GET", s.URL, http.NoBody)
				if err != nil {
					b.Fatal(err)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}
