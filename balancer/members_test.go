package balancer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAddUpdateRemove(t *testing.T) {
	t.Parallel()
	a, b := backend(t, says("a")), backend(t, says("b"))
	p := newPool(t, Config{Strategy: RoundRobin}, a.URL)
	if err := p.Add(ServerConfig{ID: "b", URL: b.URL}); err != nil {
		t.Fatal(err)
	}
	if err := p.Add(ServerConfig{ID: "b", URL: b.URL}); !errors.Is(err, ErrDuplicateServer) {
		t.Errorf("added twice: %v", err)
	}
	got := map[string]int{}
	for range 400 {
		_, body := send(t, p, request(t, "GET", "/", nil))
		got[body]++
	}
	if got["b"] == 0 || got["b"] > got["a"] {
		t.Errorf("got %v, want a few on the new server, which starts slowly", got)
	}
	before := p.Stats().Servers["a"]
	if err := p.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Server("b"); ok {
		t.Error("b is still there")
	}
	if err := p.Remove(t.Context(), "a"); !errors.Is(err, ErrLastServer) {
		t.Errorf("removed the last: %v", err)
	}
	for _, err := range []error{p.Remove(t.Context(), "x"), p.Drain(t.Context(), "x"), p.Update("x", ServerPatch{})} {
		if !errors.Is(err, ErrUnknownServer) {
			t.Errorf("unknown server: %v", err)
		}
	}
	if after := p.Stats().Servers["a"]; after.Requests != before.Requests {
		t.Errorf("a lost its counters: %d, before %d", after.Requests, before.Requests)
	}
}

func TestBadChangesChangeNothing(t *testing.T) {
	t.Parallel()
	p := newPool(t, Config{}, "http://127.0.0.1:1")
	ptr := func(s string) *string { return &s }
	zero, minus := 0.0, -1
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"weight", p.Update("a", ServerPatch{Weight: &zero}), "weight: must be above 0 (got 0)"},
		{"max_connections", p.Update("a", ServerPatch{MaxConnections: &minus}), "max_connections: must not be negative (got -1)"},
		{"status", p.Update("a", ServerPatch{Status: ptr("sick")}), `status: must be maintenance, or healthy or empty for in service (got "sick")`},
		{"url", p.Update("a", ServerPatch{URL: ptr("ftp://x")}), `url: must begin with http://, https:// or h2c:// (got "ftp://x")`},
		{"metadata", p.Add(ServerConfig{ID: "m", URL: "http://169.254.169.254/latest"}), "url: must not be forbidden: 169.254.169.254 is a link-local, metadata, multicast or unspecified address"},
		{"credentials", p.Add(ServerConfig{ID: "m", URL: "http://u:secret@host"}), "url: must not carry credentials; send them as a request header"},
		{"negative weight", p.Add(ServerConfig{ID: "m", URL: "http://host", Weight: -1}), "weight: must be above 0 (got -1)"},
		{"strategy", p.SetStrategy("best"), `strategy: must be one of round_robin, weighted_round_robin, least_connections, least_response_time, resource_based, adaptive (got "best")`},
	} {
		if tt.err == nil || tt.err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, tt.err, tt.want)
		}
		var f *FieldError
		if !errors.As(tt.err, &f) {
			t.Errorf("%s: %T names no field", tt.name, tt.err)
		}
	}
	if err := p.Add(ServerConfig{ID: "m", URL: "http://169.254.169.254"}); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("got %v, want ErrForbiddenAddress", err)
	}
	if st := p.Stats(); st.TotalServers != 1 || st.Servers["a"].URL != "http://127.0.0.1:1" || st.Strategy != Adaptive {
		t.Errorf("something changed: %+v", st)
	}
}

func TestDrainWaits(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	slow := backend(t, func(http.ResponseWriter, *http.Request) { <-hold })
	p := newPool(t, Config{}, slow.URL)
	done := make(chan int, 1)
	go func() {
		code, _ := send(t, p, request(t, "GET", "/", nil))
		done <- code
	}()
	eventually(t, "the call", func() bool { return p.Stats().ActiveConnections == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Drain(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	drained := make(chan error, 1)
	go func() { drained <- p.Drain(t.Context(), "a") }()
	select {
	case err := <-drained:
		t.Fatalf("drained with a call in flight: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if s, _ := p.Server("a"); s.Status != StatusMaintenance {
		t.Errorf("status %s, want maintenance", s.Status)
	}
	close(hold)
	if err, code := <-drained, <-done; err != nil || code != 200 {
		t.Errorf("drain %v, call %d", err, code)
	}
	healthy := StatusHealthy
	if err := p.Update("a", ServerPatch{Status: &healthy}); err != nil {
		t.Fatal(err)
	}
	if code, _ := send(t, p, request(t, "GET", "/", nil)); code != 200 {
		t.Errorf("back in service: %d", code)
	}
}

func TestDrainCutsAtItsTimeout(t *testing.T) {
	t.Parallel()
	slow := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	p := newPool(t, Config{DrainTimeout: 10 * time.Millisecond}, slow.URL, slow.URL)
	resp, err := p.RoundTrip(request(t, "POST", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, id := range []string{"a", "b"} {
		if p.Stats().Servers[id].ActiveConnections == 1 {
			if err := p.Remove(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, ErrServerCut) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the call cut", err)
	}
	if st := p.Stats(); st.Cut != 1 || st.Failed != 0 || st.TotalServers != 1 {
		t.Errorf("got %+v, want one call cut", st)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	a, b, c := backend(t, says("a")), backend(t, says("b")), backend(t, says("c"))
	p := newPool(t, Config{Strategy: RoundRobin}, a.URL, b.URL)
	running(t, p)
	for range 10 {
		send(t, p, request(t, "GET", "/", nil))
	}
	bad := Config{Servers: []ServerConfig{{ID: "a", URL: "x"}}}
	if err := p.Apply(bad); err == nil || p.Stats().TotalServers != 2 {
		t.Errorf("a bad configuration: %v, %d servers", err, p.Stats().TotalServers)
	}
	before := p.Stats().Servers["a"]
	weight := 3.0
	if err := p.Update("a", ServerPatch{Weight: &weight}); err != nil {
		t.Fatal(err)
	}
	next := Config{Strategy: LeastConnections, Servers: []ServerConfig{{ID: "c", URL: c.URL}, {ID: "a", URL: a.URL}}}
	if err := p.Apply(next); err != nil {
		t.Fatal(err)
	}
	st := p.Stats()
	if got := st.Servers["a"]; got.Requests != before.Requests || got.Weight != 3 {
		t.Errorf("a lost its state: %+v", got)
	}
	if _, ok := st.Servers["b"]; ok || st.TotalServers != 2 || st.Strategy != LeastConnections {
		t.Errorf("got %+v", st)
	}
	if err := p.SetStrategy(Adaptive); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(next); err != nil || p.Strategy() != Adaptive {
		t.Errorf("an unchanged file undid SetStrategy: %s, %v", p.Strategy(), err)
	}
}

// Changes of all kinds under traffic lose no request.
func TestChangesUnderTraffic(t *testing.T) {
	t.Parallel()
	servers := make([]ServerConfig, 4)
	for i := range servers {
		servers[i] = ServerConfig{ID: fmt.Sprint("s", i), URL: backend(t, says("ok")).URL}
	}
	p := newPool(t, Config{Servers: servers})
	running(t, p)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if code, body := send(t, p, request(t, "POST", "/", strings.NewReader("x"))); code != 200 {
					t.Errorf("got %d %s", code, body)
					return
				}
			}
		})
	}
	for i := range 200 {
		one := servers[i%4]
		w := float64(i%5 + 1)
		for _, err := range []error{
			p.SetStrategy(Strategies()[i%6]), p.Update(one.ID, ServerPatch{Weight: &w}), p.Remove(t.Context(), one.ID),
			p.Add(one), p.Apply(Config{Servers: servers[:2+i%3]}), p.Apply(Config{Servers: servers}),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	wg.Wait()
}
