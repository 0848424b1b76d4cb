package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/profiler"
)

// rig is a gateway on a real socket in front of real servers.
type rig struct {
	*testing.T
	gw     *gateway.Gateway
	pool   *balancer.Pool
	cache  *cache.Group
	prof   *profiler.Profiler
	srv    *http.Server
	addr   string
	url    string
	client *http.Client
}

type options struct {
	cfg     gateway.Config
	noCache bool
	group   *cache.Group      // instead of one in memory
	pool    http.RoundTripper // instead of a pool over the servers
	pools   map[string]http.RoundTripper
	retries int
	price   func(*http.Request, gateway.Answer) (float64, bool)
	logger  *slog.Logger
}

// newRig starts a gateway over the servers, and stops it at the end of the test.
func newRig(t *testing.T, o options, urls ...string) *rig {
	t.Helper()
	r := &rig{T: t}
	var err error
	if r.prof, err = profiler.New(profiler.Config{}); err != nil {
		t.Fatal(err)
	}
	parts := gateway.Parts{Profiler: r.prof, Logger: o.logger, Pool: o.pool, Pools: o.pools, Price: o.price}
	if r.cache = o.group; r.cache == nil && !o.noCache {
		if r.cache, err = cache.New(cache.Config{}); err != nil {
			t.Fatal(err)
		}
	}
	parts.Cache = r.cache
	if len(urls) > 0 {
		cfg := balancer.Config{MaxRetries: max(o.retries, 1)}
		for i, u := range urls {
			cfg.Servers = append(cfg.Servers, balancer.ServerConfig{ID: string(rune('a' + i)), URL: u})
		}
		if r.pool, err = balancer.New(cfg); err != nil {
			t.Fatal(err)
		}
		parts.Pool = r.pool
	}
	if r.gw, err = gateway.New(o.cfg, parts); err != nil {
		t.Fatal(err)
	}
	r.serve()
	return r
}

func (r *rig) serve() {
	r.Helper()
	ln, err := new(net.ListenConfig).Listen(r.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	r.srv = r.gw.Server()
	served := make(chan error, 1)
	go func() { served <- r.srv.Serve(ln) }()
	r.addr = ln.Addr().String()
	r.url = "http://" + r.addr
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256}
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	r.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := r.gw.Shutdown(context.Background(), r.srv); err != nil {
			r.Errorf("shut down: %v", err)
		}
		<-served
		if r.pool != nil {
			r.pool.CloseIdleConnections()
		}
		r.checkLedger()
	})
}

// checkLedger fails unless nothing is in flight and every request was counted.
func (r *rig) checkLedger() {
	r.Helper()
	s := r.gw.Stats()
	if s.InFlight != 0 || s.StreamsActive != 0 || s.UpgradesActive != 0 {
		r.Errorf("in flight %d, streams %d, upgrades %d; want none", s.InFlight, s.StreamsActive, s.UpgradesActive)
	}
	eventually(r.T, "connections to be counted out", func() bool { return r.gw.Stats().Connections == 0 })
}

func backend(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
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

func (r *rig) request(method, path string, body io.Reader, headers ...string) *http.Request {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.url+path, body)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// reply is a whole answer.
type reply struct {
	*http.Response
	body string
	err  error // of reading the body
}

// send sends a request and reads the whole answer. It may be called from any goroutine: without
// an answer the test fails and goes on with an empty one.
func (r *rig) send(req *http.Request) reply {
	r.Helper()
	res, err := r.client.Do(req)
	if err != nil {
		r.Error(err)
		return reply{&http.Response{Header: http.Header{}}, "", err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res, string(body), err}
}

func (r *rig) get(path string, headers ...string) reply {
	r.Helper()
	return r.send(r.request(http.MethodGet, path, http.NoBody, headers...))
}

// problem is the body of a failure.
type problem struct {
	Status    int    `json:"status"`
	Success   *bool  `json:"success"`
	Detail    string `json:"detail"`
	Hint      string `json:"hint"`
	RequestID string `json:"request_id"`
}

// wantProblem fails unless the answer is a problem with this status.
func (r *rig) wantProblem(got reply, status int) problem {
	r.Helper()
	var p problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		r.Fatalf("got status %d and %q, want a problem: %v", got.StatusCode, got.body, err)
	}
	if got.StatusCode != status || p.Status != status || p.Success == nil || *p.Success || p.Detail == "" || p.Hint == "" ||
		p.RequestID == "" || p.RequestID != got.Header.Get("X-Request-Id") ||
		got.Header.Get("Content-Type") != "application/problem+json" || got.Header.Get("Cache-Control") != "no-store" {
		r.Errorf("got status %d, headers %v, body %s; want a problem with status %d", got.StatusCode, got.Header, got.body, status)
	}
	for _, inside := range []string{"127.0.0.1", "dial", "balancer:", "gateway:", "EOF", "connection re"} {
		if strings.Contains(got.body, inside) {
			r.Errorf("the problem tells of the inside (%q): %s", inside, got.body)
		}
	}
	return p
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(says(""))
	s.Close()
	return s.URL
}

// withEarlyHints sends the Link header of a 103 into the channel.
func withEarlyHints(ctx context.Context, hints chan<- string) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if code == http.StatusEarlyHints {
				hints <- h.Get("Link")
			}
			return nil
		},
	})
}
