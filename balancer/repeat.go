package balancer

import (
	"context"
	"net/http"
	"path"
)

// idempotent reports whether the request does no harm when it is sent twice, by what HTTP says.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

// asideKey is that of what a caller says of its request: one of the values below.
type asideKey struct{}

type aside int

const (
	mayRepeat aside = iota + 1
	mayHedge
)

// WithRepeatable says that the request with this context may be sent again, although it is a POST:
// embeddings and searches change nothing, and a completion that failed before its first token costs
// no more than its prompt. [Config.RepeatPaths] says the same of paths.
func WithRepeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, asideKey{}, mayRepeat)
}

// opted reports whether someone who knows said that the request may be repeated.
func opted(req *http.Request, limits *Config) bool {
	return matches(limits.RepeatPaths, req.URL.Path) || matches(limits.HedgePaths, req.URL.Path) ||
		req.Context().Value(asideKey{}) != nil
}

// matches reports whether one of the patterns, which Validate has seen, is the path's.
func matches(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if ok, err := path.Match(pattern, p); ok && err == nil {
			return true
		}
	}
	return false
}

// validatePatterns names the patterns of paths that are none.
func validatePatterns(field string, patterns []string) (errs []error) {
	for i, pattern := range patterns {
		at := field + "[" + itoa(i) + "]"
		if _, err := path.Match(pattern, "/"); err != nil || !goodPath(pattern) {
			errs = append(errs, fieldError(at,
				"must be a path such as /v1/embeddings, in which * is anything within a segment (got %q)", pattern))
		}
	}
	return errs
}

// worth reports whether another server may give a better answer.
func (c *call) worth(a *answer) bool {
	switch a.resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusInternalServerError, http.StatusTooManyRequests, http.StatusPaymentRequired:
		return c.another(a.lease.server) // this one would say so again
	}
	return a.resp.Header.Get("Grpc-Status") == "14"
}

// another reports whether a server that was not tried yet can take the call; s is being tried.
func (c *call) another(s *Server) bool {
	v := c.pool.view.Load()
	for i, o := range v.servers {
		if o != s && v.rows[i].available() && !c.tried.has(o) {
			return true
		}
	}
	return false
}
