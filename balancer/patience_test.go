package balancer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pair is a pool whose server bad is always picked first.
func pair(t *testing.T, cfg Config, bad, good string) *Pool {
	t.Helper()
	cfg.Strategy = LeastConnections
	cfg.Servers = []ServerConfig{{ID: "bad", URL: bad, Weight: 1000}, {ID: "good", URL: good, Weight: 0.001}}
	return newPool(t, cfg)
}

// silent answers nothing until its client goes away.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	p := pair(t, Config{AttemptTimeout: time.Millisecond}, backend(t, silent).URL, backend(t, says("ok")).URL)
	ctx, trace := WithTrace(t.Context())
	if code, body := send(t, p, request(t, "GET", "/", nil).WithContext(ctx)); code != 200 || trace.Attempts != 2 {
		t.Errorf("got %d %s in %d attempts, want the answer of the other server", code, body, trace.Attempts)
	}
	st := p.Stats()
	if st.Servers["bad"].Failed != 1 || st.Succeeded != 1 || st.Retries != 1 {
		t.Errorf("got %+v", st)
	}
}

// Nothing is given up that cannot be had elsewhere.
func TestAttemptsThatMustWait(t *testing.T) {
	t.Parallel()
	newCall := func(p *Pool, method string) (*call, *lease) {
		c := &call{pool: p, req: request(t, method, "/", nil), job: p.newJob(classEmpty, nil)}
		c.safe = idempotent(c.req)
		c.body, _ = newReplay(c.req, c.safe)
		l, err := p.acquire(c.job, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.end(l, p.now(), outcome{cancelled, -1}) })
		return c, l
	}
	urls := []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}
	for _, tt := range []struct {
		name, method string
		urls         []string
		attempt      int
	}{
		{"a POST", "POST", urls, 1},
		{"the last attempt", "GET", urls, 3},
		{"the only server", "GET", urls[:1], 1},
	} {
		p, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range tt.urls {
			if err := p.Add(ServerConfig{ID: itoa(i), URL: u}); err != nil {
				t.Fatal(err)
			}
		}
		c, l := newCall(p, tt.method)
		if c.watch(l, tt.attempt, nil) != nil {
			t.Errorf("%s is given up after a while", tt.name)
		}
	}
	out := StatusMaintenance
	for name, prepare := range map[string]func(p *Pool) error{
		"no budget":   func(p *Pool) error { p.budget.retrying.Add(minRetries); return nil },
		"nobody else": func(p *Pool) error { return p.Update("good", ServerPatch{Status: &out}) },
		"answered":    nil,
		"free to":     nil,
	} {
		p, err := New(Config{Strategy: LeastConnections, Servers: []ServerConfig{
			{ID: "bad", URL: urls[0], Weight: 1000}, {ID: "good", URL: urls[1], Weight: 0.001},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c, l := newCall(p, "GET")
		ended := false
		w := c.watch(l, 1, func(error) { ended = true })
		if prepare != nil {
			if err := prepare(p); err != nil {
				t.Fatal(err)
			}
		}
		if name == "answered" && !w.end() {
			t.Error("an attempt that was answered was given up")
		}
		w.look()
		if want := name == "free to"; ended != want || (w.state.Load() == over) != want {
			t.Errorf("%s: given up %v", name, ended)
		}
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	p := newPool(t, Config{}, "http://127.0.0.1:1", "http://127.0.0.1:2")
	for _, tt := range []struct {
		name             string
		expected         float64
		config, deadline time.Duration
		least, most      time.Duration
	}{
		{"by default at least 2 s", 0.01, 0, 0, 2 * time.Second, 2 * time.Second},
		{"20 times what is expected", 1, 0, 0, 20 * time.Second, 20 * time.Second},
		{"as configured", 1, time.Second, 0, time.Second, time.Second},
		{"half of the deadline", 0.01, 0, time.Second, 400 * time.Millisecond, 500 * time.Millisecond},
		{"never below what is expected", 0.3, 0, time.Second, 1200 * time.Millisecond, 1200 * time.Millisecond},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if tt.deadline > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), tt.deadline)
		}
		c := call{pool: p, req: request(t, "GET", "/", nil).WithContext(ctx)}
		got := c.patienceFor(&lease{expected: tt.expected}, &Config{AttemptTimeout: tt.config})
		if got < tt.least || got > tt.most {
			t.Errorf("%s: %v, want %v to %v", tt.name, got, tt.least, tt.most)
		}
		cancel()
	}
}

func TestDeadlinesPropagate(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get(timeoutHeader)+"|"+r.Header.Get(grpcTimeoutHeader))
	})
	p := newPool(t, Config{}, s.URL)
	for _, tt := range []struct{ name, header, value, kind, plain, grpc string }{
		{"seconds", timeoutHeader, "3600", "", "35", ""},
		{"duration", timeoutHeader, "1h", "", "35", ""},
		{"gRPC", grpcTimeoutHeader, "1H", "application/grpc+proto", "", "35"},
		{"unreadable", timeoutHeader, "soon", "", "soon", ""},
		{"negative", timeoutHeader, "-1", "", "-1", ""},
	} {
		req := request(t, "GET", "/", nil)
		req.Header.Set(tt.header, tt.value)
		req.Header.Set("Content-Type", tt.kind)
		_, body := send(t, p, req)
		plain, grpc, _ := strings.Cut(body, "|")
		if !begins(plain, tt.plain) || !begins(grpc, tt.grpc) {
			t.Errorf("%s: the server was told %q, want a bit less than what was asked", tt.name, body)
		}
		if got := req.Header.Get(tt.header); got != tt.value {
			t.Errorf("%s: the request was changed: %q", tt.name, got)
		}
	}
	late := newPool(t, Config{}, backend(t, silent).URL)
	req := request(t, "GET", "/", nil)
	req.Header.Set(timeoutHeader, "10ms")
	if _, err := late.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline of the header", err)
	}
	if st := late.Stats(); st.Failed != 1 {
		t.Errorf("a deadline that passes is the server's failure: %+v", st)
	}
}

// begins reports whether text has the prefix; an empty one means that it is empty.
func begins(text, prefix string) bool {
	return strings.HasPrefix(text, prefix) && (prefix != "") == (text != "")
}

func TestGRPCTimeout(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"1n": 1, "20u": 20 * time.Microsecond, "5m": 5 * time.Millisecond, "7S": 7 * time.Second, "2M": 2 * time.Minute,
		"1H": time.Hour, "99999999H": 24 * time.Hour, "0S": 0,
	} {
		if got, ok := parseGRPCTimeout(in); !ok || got != want {
			t.Errorf("%s: got %v, %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "1", "S", "1s", "-1S", "123456789S", "1.5S", "1 S"} {
		if got, ok := parseGRPCTimeout(bad); ok {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func FuzzGRPCTimeout(f *testing.F) {
	f.Add("1H")
	f.Add("99999999n")
	f.Fuzz(func(t *testing.T, v string) {
		d, ok := parseGRPCTimeout(v)
		if !ok || d == 0 {
			return
		}
		text := formatGRPCTimeout(d)
		again, ok := parseGRPCTimeout(text)
		if !ok || again > d || float64(again) < 0.999*float64(d) {
			t.Errorf("%q is %v, written as %q, which is %v", v, d, text, again)
		}
	})
}
