package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	var read atomic.Int64
	target := backend(t, says("should not be asked"))
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		want string
	}{
		{"good", says("ok"), ""},
		{"204", answers(204), ""},
		{"500", answers(500), "GET /ready: answered 500 Internal Server Error"},
		{"404", answers(404), "GET /ready: answered 404 Not Found"},
		{
			"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, http.StatusFound) },
			"GET /ready: answered 302 Found; redirects are not followed",
		},
		{"path", func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" || r.URL.Path != "/base/ready" {
				w.WriteHeader(400)
			}
		}, ""},
		{"endless body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				n, err := w.Write(make([]byte, 32<<10))
				read.Add(int64(n))
				if err != nil {
					return
				}
			}
		}, ""},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "GET /ready: no answer within 200ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := backend(t, tt.h)
			url := s.URL
			if tt.name == "path" {
				url += "/base"
			}
			p := newPool(t, Config{}, url)
			set := checkSettings{timeout: 5 * time.Second, path: "/ready"}
			if tt.name == "silence" {
				set.timeout = 200 * time.Millisecond
			}
			if got := p.check(t.Context(), p.view.Load().servers[0], set); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	p := newPool(t, Config{}, closedPort(t))
	set := checkSettings{timeout: 5 * time.Second, path: "/ready"}
	if got := p.check(t.Context(), p.view.Load().servers[0], set); !strings.Contains(got, "refused") {
		t.Errorf("closed port: got %q", got)
	}
}

func TestRiseAndFall(t *testing.T) {
	t.Parallel()
	p := poolOf(t, RoundRobin, 3)
	s := p.view.Load().servers[0]
	expect := func(step, want string) {
		t.Helper()
		if got, _ := p.Server("s0"); got.Status != want {
			t.Errorf("%s: %s (%s), want %s", step, got.Status, got.Reason, want)
		}
	}
	expect("not checked yet", StatusHealthy)
	if !p.checked(s, "bad") {
		t.Error("a first bad check must ask for a closer look")
	}
	expect("one bad check", StatusDegraded)
	p.checked(s, "")
	expect("a good one", StatusHealthy)
	p.checked(s, "bad")
	p.checked(s, "bad")
	expect("two bad in a row", StatusUnhealthy)
	if n := count(sequence(t, p, 30)); n["s0"] != 0 {
		t.Errorf("an unhealthy server got %d calls", n["s0"])
	}
	p.checked(s, "")
	expect("one good check", StatusUnhealthy)
	p.checked(s, "")
	expect("two good in a row", StatusHealthy)
	if n := count(sequence(t, p, 300)); n["s0"] == 0 || n["s0"] > 60 {
		t.Errorf("a recovered server got %d of 300 calls, want some: it starts slowly", n["s0"])
	}
}

func TestChecksOfARunningPool(t *testing.T) {
	t.Parallel()
	var sick atomic.Bool
	flaky := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() && r.URL.Path == DefaultHealthCheckPath {
			w.WriteHeader(503)
		}
	})
	good := backend(t, says("ok"))
	p := newPool(t, Config{HealthCheckInterval: 5 * time.Millisecond}, flaky.URL, good.URL, good.URL)
	running(t, p)
	status := func(want string) func() bool {
		return func() bool { s, _ := p.Server("a"); return s.Status == want && !s.LastCheck.IsZero() }
	}
	eventually(t, "a first check", status(StatusHealthy))
	sick.Store(true)
	eventually(t, "unhealthy", status(StatusUnhealthy))
	if s, _ := p.Server("a"); !strings.Contains(s.LastCheckError, "503") || !strings.Contains(s.Reason, "503") {
		t.Errorf("got %+v, want the reason", s)
	}
	if n := p.Stats().HealthyServers; n != 2 {
		t.Errorf("healthy servers %d, want 2", n)
	}
	sick.Store(false)
	eventually(t, "healthy", status(StatusHealthy))
	sick.Store(true)
	if err := p.Add(ServerConfig{ID: "d", URL: flaky.URL}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new server to be checked", func() bool { s, _ := p.Server("d"); return s.Status == StatusUnhealthy })
	if err := p.Run(t.Context()); err == nil {
		t.Error("a second Run was allowed")
	}
}

// fail makes n calls to the server fail at the moment now.
func fail(p *Pool, s *Server, n int, now int64) {
	for range n {
		j := job{now: now, size: 0.05}
		if l := s.begin(j, s.seat.row, nil); l != nil {
			p.end(l, now, outcome{failing, -1})
		}
	}
}

func TestEjection(t *testing.T) {
	t.Parallel()
	p := poolOf(t, RoundRobin, 4)
	servers := p.view.Load().servers
	const second = int64(time.Second)
	now := second
	status := func(i int) string { st, _ := servers[i].stats(p.epoch, now); return st.Status }
	fail(p, servers[0], 3, now)
	if got := status(0); got != StatusDegraded {
		t.Errorf("after 3 failures: %s, want degraded", got)
	}
	fail(p, servers[0], 2, now)
	if got := status(0); got != StatusUnhealthy {
		t.Errorf("after 5 failures: %s, want unhealthy", got)
	}
	fail(p, servers[1], 5, now)
	fail(p, servers[2], 5, now)
	if got := status(2); got != StatusDegraded {
		t.Errorf("a third of four was ejected (%s), the cap is a half", got)
	}
	now += 34 * second // 30 s, spread by a tenth
	p.refresh(p.view.Load(), now)
	if got := status(0); got == StatusUnhealthy {
		t.Error("the ejection did not end")
	}
	fail(p, servers[0], 1, now)
	if got := status(0); got != StatusUnhealthy {
		t.Errorf("still failing after its ejection: %s, want unhealthy", got)
	}
	now += 40 * second
	if got := status(0); got != StatusUnhealthy {
		t.Errorf("a second ejection must last about 60 s, %s after 40 s", got)
	}
	now += 30 * second
	p.refresh(p.view.Load(), now)
	l := servers[0].begin(job{now: now, size: 0.05}, servers[0].seat.row, nil)
	p.end(l, now, outcome{succeeded, 1e6})
	if got := status(0); got != StatusHealthy {
		t.Errorf("after a good call: %s, want healthy", got)
	}
	if n := servers[0].ejections.Load(); n != 2 {
		t.Errorf("ejections %d, want 2", n)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	p := poolOf(t, RoundRobin, 5)
	servers := p.view.Load().servers
	down := func(s *Server) { p.checked(s, "bad"); p.checked(s, "bad") }
	down(servers[0])
	down(servers[1])
	if p.Stats().Panic {
		t.Error("panic with three of five usable")
	}
	down(servers[2])
	st := p.Stats()
	if !st.Panic || st.HealthyServers != 2 {
		t.Errorf("panic %v with %d of 5 usable", st.Panic, st.HealthyServers)
	}
	maintenance := StatusMaintenance
	if err := p.Update("s4", ServerPatch{Status: &maintenance}); err != nil {
		t.Fatal(err)
	}
	n := count(sequence(t, p, 40))
	if n["s0"] == 0 || n["s1"] == 0 || n["s2"] == 0 || n["s4"] != 0 {
		t.Errorf("got %v, want health ignored and maintenance not", n)
	}
}

func TestSlowStart(t *testing.T) {
	t.Parallel()
	h := health{}
	h.coldStart(0)
	for _, tt := range []struct {
		at   time.Duration
		want float64
	}{{0, 0.1}, {15 * time.Second, 0.55}, {30 * time.Second, 1}, {time.Second, 1}} {
		if got := h.warmth(int64(tt.at), 30*time.Second); got != tt.want {
			t.Errorf("at %v: %v, want %v", tt.at, got, tt.want)
		}
	}
}

// A server that is killed costs no safe request.
func TestDeadServer(t *testing.T) {
	t.Parallel()
	for _, name := range Strategies() {
		p := newPool(t, Config{Strategy: name}, closedPort(t), backend(t, says("ok")).URL, backend(t, says("ok")).URL)
		for i := range 100 {
			if code, body := send(t, p, request(t, "GET", "/", nil)); code != 200 {
				t.Fatalf("%s: request %d: %d %s", name, i, code, body)
			}
		}
		st := p.Stats()
		if st.Retries > 20 || st.Servers["a"].Requests > 0 && st.Servers["a"].Failed == 0 {
			t.Errorf("%s: %d retries, server a %+v", name, st.Retries, st.Servers["a"])
		}
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	p := newPool(t, Config{}, "http://127.0.0.1:1", "http://127.0.0.1:2")
	var tried []string
	err := p.Do(t.Context(), func(_ context.Context, s *Server) error {
		tried = append(tried, s.ID())
		if len(tried) == 1 {
			return fmt.Errorf("busy: %w", ErrRetry)
		}
		return nil
	})
	if err != nil || len(tried) != 2 || tried[0] == tried[1] {
		t.Errorf("got %v, tried %v; want success on the other server", err, tried)
	}
	calls := 0
	err = p.Do(t.Context(), func(context.Context, *Server) error { calls++; return io.ErrUnexpectedEOF })
	if !errors.Is(err, io.ErrUnexpectedEOF) || calls != 1 {
		t.Errorf("got %v after %d calls, want the error after one", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_ = p.Do(ctx, func(ctx context.Context, _ *Server) error { cancel(); <-ctx.Done(); return ctx.Err() })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = p.Do(t.Context(), func(context.Context, *Server) error { panic("x") })
	}()
	if st := p.Stats(); st.Requests != 4 || st.Succeeded != 1 || st.Failed != 2 || st.Cancelled != 1 || st.Retries != 1 {
		t.Errorf("got %+v", st)
	}
}
