package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The limits of the admin plane's server.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 32 << 10
	maxStreamsPerConn = 100 // HTTP/2, under TLS
)

// Handler is the TCP door: every check stands before every route.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.prepare(w)
		if p := s.checkDoor(r); p != nil {
			s.stats.refused.Add(1)
			if !safeMethod(r.Method) {
				s.deny(r, &Route{Method: r.Method, Path: clip(r.URL.Path, 128)}, Identity{}, p.Status)
			}
			p.write(w)
			return
		}
		s.route(w, r)
	})
}

// LocalHandler is the unix socket in the data directory. Whoever may open that file is
// admin; no browser can.
func (s *Server) LocalHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.prepare(w)
		if p := checkShape(r); p != nil {
			p.write(w)
			return
		}
		s.route(w, r.WithContext(context.WithValue(r.Context(), keyLocal, true)))
	})
}

// checkDoor decides what may come in at all.
func (s *Server) checkDoor(r *http.Request) *Problem {
	if p := checkShape(r); p != nil {
		return p
	}
	if s.cfg.TLS() && r.TLS == nil {
		return problem(http.StatusMisdirectedRequest, "this port speaks TLS", "use https")
	}
	probe := r.URL.Path == "/healthz" || r.URL.Path == "/readyz" // orchestrators ask by address
	if !probe && !s.hostAllowed(r.Host) {
		return problem(http.StatusMisdirectedRequest, fmt.Sprintf("this server is not known as %q", clip(r.Host, 128)),
			"add the name to api.allowed_hosts, or use localhost")
	}
	if err := s.origins.Check(r); err != nil {
		return problem(http.StatusForbidden, "the request comes from another site",
			"call the API from the dashboard or from outside a browser")
	}
	return nil
}

// hostAllowed reports whether browsers may know us by this name. It is what stops DNS
// rebinding: a foreign name that was made to point at this address.
func (s *Server) hostAllowed(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if isLoopback(host) {
		return true
	}
	listen, _, err := net.SplitHostPort(s.cfg.Listen)
	if err == nil && listen != "" && strings.EqualFold(host, listen) && !isUnspecified(listen) {
		return true
	}
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(s.cfg.AllowedHosts, func(known string) bool {
		return strings.EqualFold(host, strings.Trim(strings.TrimSuffix(known, "."), "[]"))
	})
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

// reachable turns the address of all interfaces into one that a browser can open.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "" && !isUnspecified(host) {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// prepare sets the deadline and the headers that every answer has.
func (s *Server) prepare(w http.ResponseWriter) {
	// Recorders know no deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeDeadline))
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if s.cfg.TLS() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// route finds the route. What the table does not know is a dashboard file or nothing.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.EscapedPath()
	clean := path.Clean("/" + asked)
	if clean == asked {
		if _, pattern := s.mux.Handler(r); pattern != "" {
			w.Header().Set("Cache-Control", "no-store")
			s.mux.ServeHTTP(w, r)
			return
		}
		if methods := allowed(s.mux, r); len(methods) > 0 {
			s.refuse(w, wrongMethod(r.Method, methods))
			return
		}
	}
	if ours(clean) || clean != asked && clean+"/" != asked {
		s.refuse(w, problem(http.StatusNotFound, fmt.Sprintf("there is nothing at %q", clip(asked, 128)),
			s.nearestPath(clean)))
		return
	}
	if !safeMethod(r.Method) {
		s.refuse(w, wrongMethod(r.Method, []string{http.MethodGet, http.MethodHead}))
		return
	}
	s.ui().ServeHTTP(w, r)
}

func (s *Server) refuse(w http.ResponseWriter, p *Problem) {
	s.stats.refused.Add(1)
	w.Header().Set("Cache-Control", "no-store")
	p.write(w)
}

// ours reports whether a path belongs to the API rather than to the dashboard.
func ours(clean string) bool {
	for _, prefix := range []string{"/api", "/metrics", "/healthz", "/readyz", "/openapi.json", "/docs"} {
		if clean == prefix || strings.HasPrefix(clean, prefix+"/") {
			return true
		}
	}
	return false
}

func (s *Server) nearestPath(clean string) string {
	paths := make([]string, 0, len(s.routes))
	for _, rt := range s.routes {
		paths = append(paths, rt.Path)
	}
	if near := nearest(clean, paths); near != "" {
		return "did you mean " + near + "?"
	}
	return "see /docs for what there is"
}

func wrongMethod(method string, methods []string) *Problem {
	p := problem(http.StatusMethodNotAllowed, fmt.Sprintf("%s is not for this path", clip(method, 16)),
		"allowed: "+strings.Join(methods, ", "))
	p.header = http.Header{"Allow": {strings.Join(methods, ", ")}}
	return p
}

func safeMethod(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// HTTPServer returns a server with every limit set, for one listener; see [Server.Listener].
// The write deadline is set by the handlers, because /events outlives any.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.countConnections(),
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreamsPerConn},
	}
}

// countConnections closes new connections of one server beyond the bound. Each server
// counts its own, so that a flood of the TCP door leaves the socket free.
func (s *Server) countConnections() func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.stats.connections.Add(1)
			if open.Add(1) > int64(s.cfg.MaxConnections) {
				s.stats.shed.Add(1)
				_ = c.Close() // it was never used
			}
		case http.StateClosed, http.StateHijacked:
			s.stats.connections.Add(-1)
			open.Add(-1)
		}
	}
}

func loadTLS(cfg Config) (*tls.Config, error) {
	if !cfg.TLS() {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(cfg.TLSCertFile, cfg.TLSKeyFile)
	if err != nil {
		return nil, fmt.Errorf("api.tls_cert_file: must name a certificate with the key of api.tls_key_file: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

// Listener makes a TCP listener the one to serve on: with TLS when that is configured.
// From here on [Server.LoginURL] has the port that ln got.
func (s *Server) Listener(ln net.Listener) net.Listener {
	addr := ln.Addr().String()
	s.bound.Store(&addr)
	if s.tls == nil {
		return ln
	}
	return tls.NewListener(ln, s.tls)
}
