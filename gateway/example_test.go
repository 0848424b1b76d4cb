package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

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
