package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/profiler"
)

// fast answers without a network, so that what is measured is the proxy.
type fast struct{ body string }

func (f fast) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(f.body)), Request: r,
		Header: http.Header{
			"Content-Type": {"application/json"}, "Cache-Control": {"max-age=3600"}, "Date": {"Mon, 01 Jan 2024 00:00:00 GMT"},
		},
		Body: io.NopCloser(strings.NewReader(f.body)),
	}, nil
}

// discard is a response that goes nowhere.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func benchRequest(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/search?q=x", http.NoBody)
	r.Header.Set("User-Agent", "bench")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "gzip")
	return r
}

func serve(b *testing.B, h http.Handler) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context()) // as a server's, it can end
	defer cancel()
	r := benchRequest(ctx)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(&discard{http.Header{}}, r)
	}
}

// BenchmarkHandler compares what the gateway does for a request with a bare ReverseProxy,
// both over a transport that costs nothing.
func BenchmarkHandler(b *testing.B) {
	next := fast{strings.Repeat("x", 1024)}
	at := &url.URL{Scheme: "http", Host: "backend"}
	b.Run("bare", func(b *testing.B) { serve(b, bareProxy(next, at, nil)) })
	b.Run("bare with buffers", func(b *testing.B) { serve(b, bareProxy(next, at, &buffers{})) })
	b.Run("gateway", func(b *testing.B) { serve(b, benchGateway(b, next, false)) })
	b.Run("gateway hit", func(b *testing.B) { serve(b, benchGateway(b, fresh{next}, true)) })
}

// bareProxy is a ReverseProxy as one writes it.
func bareProxy(next http.RoundTripper, at *url.URL, pool httputil.BufferPool) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{Transport: next, BufferPool: pool, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		r.SetXForwarded()
	}}
}

type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.Pool.Get().(*[32 << 10]byte); ok {
		return buf[:]
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.Pool.Put((*[32 << 10]byte)(buf)) }

// fresh makes the answers of fast cacheable.
type fresh struct{ fast }

func (f fresh) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := f.fast.RoundTrip(r)
	res.Header.Del("Date")
	return res, err
}

func benchGateway(b *testing.B, next http.RoundTripper, cached bool) *gateway.Gateway {
	b.Helper()
	prof, err := profiler.New(profiler.Config{})
	if err != nil {
		b.Fatal(err)
	}
	parts := gateway.Parts{Pool: next, Profiler: prof, Logger: slog.New(slog.DiscardHandler)}
	if cached {
		if parts.Cache, err = cache.New(cache.Config{}); err != nil {
			b.Fatal(err)
		}
	}
	gw, err := gateway.New(gateway.Config{}, parts)
	if err != nil {
		b.Fatal(err)
	}
	return gw
}

// BenchmarkOverSockets is the same over loopback: 64 clients, one server, 1 KiB. Compare the
// gateway with "bare"; "direct" is the floor.
func BenchmarkOverSockets(b *testing.B) {
	body := strings.Repeat("x", 1024)
	server := httptest.NewServer(says(body))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	defer transport.CloseIdleConnections()
	bare := httptest.NewServer(bareProxy(transport, at, nil))
	defer bare.Close()
	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{{ID: "a", URL: server.URL}}})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.CloseIdleConnections()
	gw := httptest.NewUnstartedServer(nil)
	gw.Config = benchGateway(b, pool, false).Server()
	gw.Start()
	defer gw.Close()
	for _, rival := range []struct{ name, url string }{{"direct", server.URL}, {"bare", bare.URL}, {"gateway", gw.URL}} {
		b.Run(rival.name, func(b *testing.B) {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
			defer client.CloseIdleConnections()
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					res, err := client.Get(rival.url)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
		})
	}
}
