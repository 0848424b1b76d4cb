package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
)

// A gateway in front of a server, with a cache: the second answer comes from here.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprint(w, "hello from ", r.URL.Path)
	}))
	defer server.Close()
	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{{ID: "a", URL: server.URL}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.CloseIdleConnections()
	answers, err := cache.New(cache.Config{MaxBytes: 64 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	gw, err := gateway.New(gateway.Config{}, gateway.Parts{Pool: pool, Cache: answers})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		w := httptest.NewRecorder()
		gw.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/greeting", http.NoBody))
		status, _, _ := strings.Cut(w.Header().Get("Cache-Status"), "; ttl")
		fmt.Println(w.Body, "|", status)
	}
	// Output:
	// hello from /greeting | upshift; fwd=uri-miss
	// hello from /greeting | upshift; hit
}

// Server has every limit set; Shutdown lets requests in flight finish.
func ExampleGateway_Server() {
	gw, err := gateway.New(gateway.Config{}, gateway.Parts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := gw.Server()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	res, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	fmt.Println(res.Status, res.Header.Get("Content-Type"))
	fmt.Println(gw.Shutdown(ctx, srv), <-served)
	// Output:
	// 503 Service Unavailable application/problem+json
	// <nil> http: Server closed
}

// Stats tells what went through.
func ExampleGateway_Stats() {
	gw, err := gateway.New(gateway.Config{}, gateway.Parts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	gw.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodTrace, "/", http.NoBody))
	s := gw.Stats()
	fmt.Println(s.Requests, s.ByClass["4xx"], s.Refused["method"])
	// Output: 1 1 1
}

// An embedding that was asked for once is not paid for again, in whatever order its request's
// members come; but nobody gets what another was answered.
func ExamplePostRoute() {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":[{"embedding":[0.1,0.2]}]}`)
	}))
	defer server.Close()
	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{{ID: "a", URL: server.URL}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.CloseIdleConnections()
	answers, err := cache.New(cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	gw, err := gateway.New(gateway.Config{
		CachePost: []gateway.PostRoute{{Path: "/v1/embeddings", TTL: 24 * time.Hour}},
	}, gateway.Parts{Pool: pool, Cache: answers})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ask := range [][2]string{
		{"Bearer ann", `{"model":"small","input":"hello"}`},
		{"Bearer ann", `{"input": "hello", "model": "small"}`},
		{"Bearer bob", `{"model":"small","input":"hello"}`},
	} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/embeddings", strings.NewReader(ask[1]))
		r.Header.Set("Authorization", ask[0])
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		gw.ServeHTTP(w, r)
		status, _, _ := strings.Cut(w.Header().Get("Cache-Status"), "; ttl")
		fmt.Println(ask[0], "|", status)
	}
	fmt.Println(calls, "calls")
	// Output:
	// Bearer ann | upshift; fwd=miss
	// Bearer ann | upshift; hit
	// Bearer bob | upshift; fwd=miss
	// 2 calls
}
