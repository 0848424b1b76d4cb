package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/gateway"
)

// breaks sends raw bytes as its answer and cuts the connection.
func breaks(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = rw.WriteString(answer)
		_ = rw.Flush()
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an end
		}
		conn.Close()
	}
}

func TestServerThatRefusesConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, closedPort(t))
	r.wantProblem(r.get("/"), http.StatusBadGateway)
	if s := r.gw.Stats(); s.UpstreamErrors["connect"] != 1 || s.ByClass["5xx"] != 1 {
		t.Errorf("counted %v %v, want one connect", s.UpstreamErrors, s.ByClass)
	}
}

func TestServerThatBreaks(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"says nothing":      "",
		"talks nonsense":    "hello\r\n\r\n",
		"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"headers break off": "HTTP/1.1 200 OK\r\nContent-Le",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{}, backend(t, breaks(answer)).URL)
			r.wantProblem(r.send(r.request("POST", "/", strings.NewReader("x"))), http.StatusBadGateway)
			if s := r.gw.Stats(); s.UpstreamErrors["broken"] != 1 {
				t.Errorf("counted %v, want one broken", s.UpstreamErrors)
			}
		})
	}
}

// A truncated answer never looks whole to the client, and is never kept.
func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for name, answer := range map[string]string{
		"short, with a length": "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nabc",
		"long, with a length":  "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 200000\r\n\r\n" + long,
		"chunked":              "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"event stream":         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{}, backend(t, breaks(answer)).URL)
			for range 2 {
				got := r.get("/")
				if got.StatusCode == http.StatusOK && got.err == nil {
					t.Errorf("a truncated answer looks whole: %d bytes", len(got.body))
				}
			}
			if s := r.gw.Stats(); s.CacheStored != 0 || s.Cache["hit"] != 0 || s.UpstreamErrors["truncated"]+s.UpstreamErrors["broken"] != 2 {
				t.Errorf("stored %d, hits %d, faults %v; want two faults", s.CacheStored, s.Cache["hit"], s.UpstreamErrors)
			}
		})
	}
}

// A body whose end is the end of the connection may be truncated: it passes, and is not kept.
func TestBodyWithoutAnEndIsNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nabc")
		_ = rw.Flush()
	}).URL)
	for range 2 {
		if got := r.get("/"); got.body != "abc" || got.err != nil {
			t.Errorf("got %q, %v", got.body, got.err)
		}
	}
	if s := r.gw.Stats(); s.CacheStored != 0 {
		t.Error("it was kept")
	}
}

func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	s := backend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r := newRig(t, options{cfg: gateway.Config{ResponseTimeout: 50 * time.Millisecond}}, s.URL)
	r.wantProblem(r.get("/"), http.StatusGatewayTimeout)
	if s := r.gw.Stats(); s.UpstreamErrors["timeout"] != 1 || s.ClientsGone != 0 {
		t.Errorf("counted %v and %d gone, want one timeout", s.UpstreamErrors, s.ClientsGone)
	}
	eventually(t, "the pool to blame the server", func() bool { return r.pool.Stats().Failed == 1 })
}

func TestStreamThatHangsIsCut(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	r := newRig(t, options{cfg: gateway.Config{IdleTimeout: 500 * time.Millisecond}}, s.URL)
	got := r.get("/")
	if got.body != "data: x\n\n" || got.err == nil {
		t.Errorf("got %q, %v; want the event and a cut", got.body, got.err)
	}
	if s := r.gw.Stats(); s.UpstreamErrors["truncated"] != 1 || s.ByClass["5xx"] != 1 {
		t.Errorf("counted %v and %v, want one truncated, a failure", s.UpstreamErrors, s.ByClass)
	}
}

func TestUnavailablePool(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, says("ok")).URL)
	maintenance := "maintenance"
	if err := r.pool.Update("a", balancer.ServerPatch{Status: &maintenance}); err != nil {
		t.Fatal(err)
	}
	got := r.get("/")
	r.wantProblem(got, http.StatusServiceUnavailable)
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if s := r.gw.Stats(); s.UpstreamErrors["unavailable"] != 1 {
		t.Errorf("counted %v, want one unavailable", s.UpstreamErrors)
	}
}

func TestRetriesAnotherServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{retries: 3, noCache: true}, closedPort(t), backend(t, says("ok")).URL)
	for range 20 {
		got := r.get("/")
		if got.body != "ok" || got.Header.Get("X-Upshift-Server") != "b" {
			t.Fatalf("got %d %q from %q", got.StatusCode, got.body, got.Header.Get("X-Upshift-Server"))
		}
	}
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	r := newRig(t, options{
		pool: roundTrip(func(*http.Request) (*http.Response, error) { panic("secret of the pool") }), noCache: true,
		logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for range 2 {
		got := r.get("/")
		p := r.wantProblem(got, http.StatusInternalServerError)
		if strings.Contains(got.body, "secret") || !strings.Contains(log.String(), p.RequestID) || !strings.Contains(log.String(), "secret") {
			t.Errorf("answer %s; want the panic in the log alone", got.body)
		}
	}
	if s := r.gw.Stats(); s.Panics != 2 || s.ByClass["5xx"] != 2 {
		t.Errorf("panics %d, classes %v; want 2", s.Panics, s.ByClass)
	}
}

func TestPanicInABodyCutsTheConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{pool: roundTrip(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, TransferEncoding: []string{"chunked"},
			Header: http.Header{"Cache-Control": {"max-age=60"}}, Request: req,
			Body: io.NopCloser(io.MultiReader(strings.NewReader("part"), panics{})),
		}, nil
	})})
	for range 2 { // the flight must have landed, too
		if got := r.get("/"); got.err == nil {
			t.Errorf("got %q, want a cut", got.body)
		}
	}
	if s := r.gw.Stats(); s.Panics != 2 || s.CacheStored != 0 {
		t.Errorf("panics %d, stored %d; want 2 and none", s.Panics, s.CacheStored)
	}
}

type panics struct{}

func (panics) Read([]byte) (int, error) { panic("in a body") }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestClientWhoseBodyBreaksOff(t *testing.T) {
	t.Parallel()
	var whole atomic.Int64
	r := newRig(t, options{}, backend(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			whole.Add(1)
		}
	}).URL)
	body, in := io.Pipe()
	go func() {
		fmt.Fprint(in, "half")
		in.CloseWithError(errors.New("the client breaks"))
	}()
	res, err := r.client.Do(r.request("POST", "/", body))
	if err == nil {
		res.Body.Close()
		t.Fatal("no error")
	}
	eventually(t, "the client to be counted as gone", func() bool { return r.gw.Stats().ClientsGone == 1 })
	if whole.Load() != 0 {
		t.Error("the server took half a body for a whole one")
	}
	if s := r.gw.Stats(); s.UpstreamErrors["broken"] != 0 {
		t.Errorf("the server was blamed: %v", s.UpstreamErrors)
	}
}
