package balancer

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// newTransport returns the transport to the servers: many idle connections per server, no
// proxy of the environment, bodies passed through as they are, and no limit on the time to
// the response headers, since a model may think for minutes; callers set deadlines.
func newTransport(p *Pool) *http.Transport {
	return &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			d := net.Dialer{
				Timeout: p.view.Load().limits.DialTimeout, KeepAlive: 30 * time.Second, Control: dialControl,
			}
			return d.DialContext(ctx, network, address)
		},
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConns:          4096,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		ReadBufferSize:        16 << 10,
		WriteBufferSize:       16 << 10,
		// A connection that carries many calls is asked whether it lives when it is silent.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// aimed returns a copy of the request aimed at the server. The path is joined to that of
// the server. The Host header stays the request's own; a request without one gets the
// server's.
func aimed(ctx context.Context, req *http.Request, target *url.URL) *http.Request {
	out := req.WithContext(ctx)
	u := *req.URL
	u.Scheme, u.Host, u.User = target.Scheme, target.Host, nil
	if target.Path != "" {
		base := *target
		path := req.URL.Path
		if req.URL.RawPath != "" {
			u.Path, u.RawPath = joinRaw(&base, req.URL)
		} else {
			u.Path, u.RawPath = joinPath(&base, path)
		}
	}
	out.URL = &u
	if out.Host == "" {
		out.Host = target.Host
	}
	out.RequestURI = ""
	return out
}

// joinPath joins a plain path to that of the base.
func joinPath(base *url.URL, path string) (joined, raw string) {
	return joinRaw(base, &url.URL{Path: path})
}

// joinRaw joins the paths of two URLs with one slash between them, keeping the escapes.
func joinRaw(base, tail *url.URL) (path, raw string) {
	if base.RawPath == "" && tail.RawPath == "" {
		return join(base.Path, tail.Path), ""
	}
	return join(base.Path, tail.Path), join(base.EscapedPath(), tail.EscapedPath())
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return strings.TrimSuffix(a, "/") + "/" + strings.TrimPrefix(b, "/")
}
