package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sentientcore/upshift/gateway"
)

func (r *rig) dial() net.Conn {
	r.Helper()
	conn, err := new(net.Dialer).DialContext(r.Context(), "tcp", r.addr)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	return conn
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{cfg: gateway.Config{MaxConnections: 2}}, backend(t, says("ok")).URL)
	first, second := r.dial(), r.dial()
	eventually(t, "two connections", func() bool { return r.gw.Stats().Connections == 2 })
	if _, err := r.dial().Read(make([]byte, 1)); err == nil {
		t.Error("a third connection stayed open")
	}
	if s := r.gw.Stats(); s.ConnectionsShed != 1 {
		t.Errorf("shed %d, want 1", s.ConnectionsShed)
	}
	second.Close()
	eventually(t, "room", func() bool { return r.gw.Stats().Connections == 1 })
	fmt.Fprint(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the first connection: %v, %v", res, err)
	}
	if got := r.get("/"); got.body != "ok" {
		t.Errorf("a new connection: %q", got.body)
	}
}

func TestBodyThatStandsStill(t *testing.T) {
	t.Parallel()
	s := backend(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) })
	r := newRig(t, options{cfg: gateway.Config{BodyTimeout: 100 * time.Millisecond}}, s.URL)
	conn := r.dial()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusRequestTimeout || !res.Close {
		t.Errorf("status %d, close %v; want 408 and the end of the connection", res.StatusCode, res.Close)
	}
}

// A client that takes nothing is cut, though there is no bound on the whole answer.
func TestStalledReaderIsCut(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		chunk := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	r := newRig(t, options{cfg: gateway.Config{WriteTimeout: 200 * time.Millisecond}}, s.URL)
	conn := r.dial()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-gone // or the test times out
	eventually(t, "the request to end", func() bool { return r.gw.Stats().InFlight == 0 })
	if s := r.gw.Stats(); s.ClientsGone != 1 || s.UpstreamErrors["truncated"] != 0 {
		t.Errorf("gone %d, faults %v; want the client's fault", s.ClientsGone, s.UpstreamErrors)
	}
}

func TestServerHasEveryLimit(t *testing.T) {
	t.Parallel()
	srv := newRig(t, options{}).gw.Server()
	if srv.ReadHeaderTimeout <= 0 || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes <= 0 || srv.HTTP2.MaxConcurrentStreams <= 0 {
		t.Errorf("a limit is not set: %+v", srv)
	}
	if srv.WriteTimeout != 0 || srv.ReadTimeout != 0 {
		t.Errorf("a limit on the whole would end streams: %+v", srv)
	}
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	const requests = 20
	arrived, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, options{noCache: true}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "done")
	}).URL)
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			if got := r.get("/"); got.body != "done" || got.err != nil {
				t.Errorf("got %d %q, %v", got.StatusCode, got.body, got.err)
			}
		})
	}
	for range requests {
		<-arrived
	}
	down := make(chan error, 1)
	go func() { down <- r.gw.Shutdown(context.Background(), r.srv) }()
	eventually(t, "the drain", func() bool { return r.gw.Stats().Draining })
	eventually(t, "no new connections", func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	wg.Wait()
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsAtTheDrainTimeout(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 3)
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/ws", wsEcho)
	r := newRig(t, options{cfg: gateway.Config{DrainTimeout: 100 * time.Millisecond}}, backend(t, mux.ServeHTTP).URL)
	stream, err := r.client.Do(r.request("GET", "/stream", http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	hanging := make(chan reply, 1)
	go func() { hanging <- r.get("/hang") }()
	<-arrived
	tunnel := r.dialWebSocket()
	defer tunnel.CloseNow()
	if err := tunnel.Write(t.Context(), websocket.MessageText, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := r.gw.Shutdown(context.Background(), r.srv); err != nil {
		t.Errorf("shut down: %v", err)
	}
	if body, err := io.ReadAll(stream.Body); string(body) != "data: x\n\n" || err == nil {
		t.Errorf("the stream: %q, %v; want what came and a cut", body, err)
	}
	got := <-hanging
	r.wantProblem(got, http.StatusServiceUnavailable)
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After for what was cut")
	}
	for {
		if _, _, err := tunnel.Read(t.Context()); err != nil {
			break
		}
	}
	if s := r.gw.Stats(); s.ClientsGone != 0 || s.UpstreamErrors["truncated"] != 0 {
		t.Errorf("gone %d, faults %v; want nobody to be blamed", s.ClientsGone, s.UpstreamErrors)
	}
}

func TestApplyLosesNoRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, echo).URL)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := strings.Repeat("x", 10)
				if e := r.echoed(r.request("POST", "/", strings.NewReader(body))); e.Body != body {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
	for n := range 200 {
		if err := r.gw.Apply(gateway.Config{MaxBodyBytes: int64(1000 + n), WriteTimeout: time.Duration(n+1) * time.Second}); err != nil {
			t.Error(err)
		}
		r.get("/")
	}
	close(stop)
	wg.Wait()
	if s := r.gw.Stats(); s.ByClass["2xx"] != s.Requests {
		t.Errorf("classes %v of %d requests", s.ByClass, s.Requests)
	}
	if err := r.gw.Apply(gateway.Config{MaxBodyBytes: 5}); err != nil {
		t.Fatal(err)
	}
	r.wantProblem(r.send(r.request("POST", "/", strings.NewReader("123456"))), http.StatusRequestEntityTooLarge)
	if err := r.gw.Apply(gateway.Config{MaxBodyBytes: -5}); err == nil {
		t.Error("a bad configuration was applied")
	}
	r.wantProblem(r.send(r.request("POST", "/", strings.NewReader("123456"))), http.StatusRequestEntityTooLarge)
}
