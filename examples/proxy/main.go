// Command proxy runs the whole of upshift inside a program of one's own: a gateway in front
// of a backend, with cache, metrics and the admin API, and asks it what happened.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/balancer"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60") // it may be shared for a minute
		fmt.Fprint(w, `{"models": ["small", "large"]}`)
	}))
	defer backend.Close()
	dir, err := os.MkdirTemp("", "upshift-example")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	cfg := upshift.DefaultConfig()
	cfg.DataDir = dir
	cfg.Gateway.Listen, cfg.API.Listen = "127.0.0.1:0", "127.0.0.1:0" // free ports
	cfg.LoadBalancer.Servers = []balancer.ServerConfig{{ID: "llm", URL: backend.URL}}
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		return err
	}
	if err := m.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Shutdown(context.WithoutCancel(ctx))) }()

	for range 3 {
		body, hit, err := get(ctx, "http://"+m.GatewayAddr()+"/v1/models")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s from the cache: %t\n", body, hit)
	}
	s := m.Status()
	fmt.Fprintf(out, "%d requests, %d from the cache, %d reached the backend\n",
		s.Gateway.Requests, s.Cache.Hits, s.Balancer.Requests)
	return nil
}

// get tells, by the header of RFC 9211, whether the cache answered.
func get(ctx context.Context, url string) (body string, hit bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", false, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), strings.Contains(resp.Header.Get("Cache-Status"), "; hit"), err
}
