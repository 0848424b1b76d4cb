// Command cacherival is a reverse proxy with another HTTP cache, for the conformance suite in
// test/http-cache-tests to be run against:
//
//	node run.mjs --command '../../bench/bin/cacherival gregjones'
//
// It listens on a free port of loopback, prints its URL and runs until it is ended.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/gregjones/httpcache"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cacherival:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: cacherival none|gregjones ORIGIN")
	}
	transports := map[string]http.RoundTripper{"none": http.DefaultTransport, "gregjones": httpcache.NewMemoryCacheTransport()}
	transport, ok := transports[args[0]]
	if !ok {
		return fmt.Errorf("no rival %q", args[0])
	}
	origin, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(os.Stdout, "gateway http://%s\n", ln.Addr()); err != nil {
		return err
	}
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(origin)
			r.SetXForwarded()
		},
	}}
	return srv.Serve(ln)
}
