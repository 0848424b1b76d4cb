package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/sentientcore/upshift/balancer"
)

// A pool under an http.Client: every request goes to the best server.
func Example() {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello from ", r.URL.Path)
	}))
	defer backend.Close()

	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{
		{ID: "a", URL: backend.URL + "/a"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: pool}
	resp, err := client.Get("http://any/greeting")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	// Output: hello from /a/greeting
}

// Do balances any call. An error that wraps ErrRetry is tried on another server.
func ExamplePool_Do() {
	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{
		{ID: "a", URL: "http://10.0.0.1:8000"},
		{ID: "b", URL: "http://10.0.0.2:8000"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	attempts := 0
	ctx := balancer.WithWork(context.Background(), 1200) // tokens
	err = pool.Do(ctx, func(_ context.Context, s *balancer.Server) error {
		if attempts++; attempts == 1 {
			return fmt.Errorf("queue of %s is full: %w", s.URL(), balancer.ErrRetry)
		}
		return nil
	})
	fmt.Println(attempts, err)
	// Output: 2 <nil>
}

// WithTrace tells which server answered and after how many attempts.
func ExampleWithTrace() {
	backend := httptest.NewServer(http.NotFoundHandler())
	defer backend.Close()
	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{{ID: "a", URL: backend.URL}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, trace := balancer.WithTrace(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://any/", http.NoBody)
	resp, err := pool.RoundTrip(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(trace.Server, trace.Attempts, trace.UpstreamHeaderTime > 0)
	// Output: a 1 true
}

// An UnavailableError says why no server could take the call and when to try again.
func ExampleUnavailableError() {
	pool, err := balancer.New(balancer.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = pool.Do(context.Background(), func(context.Context, *balancer.Server) error { return nil })
	var unavailable *balancer.UnavailableError
	if errors.As(err, &unavailable) {
		fmt.Println(errors.Is(err, balancer.ErrNoServers), unavailable.RetryAfter)
	}
	// Output: true 5s
}
