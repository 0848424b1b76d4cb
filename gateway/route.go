package gateway

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sentientcore/upshift/profiler"
)

// MaxRoutes bounds the routes told apart by the profiler. Requests of further ones are
// recorded as "METHOD (other)".
const MaxRoutes = 200

// route is a method and the first two segments of a path. A segment that looks like an id is
// "*".
type route struct{ method, first, second string }

// name is the route as the profiler knows it: "POST /v1/chat".
func (r route) name() string {
	switch {
	case r == otherRoute(r.method):
		return r.method + " (other)"
	case r.first == "":
		return r.method + " /"
	case r.second == "":
		return r.method + " /" + r.first
	}
	return r.method + " /" + r.first + "/" + r.second
}

// routeOf is the route of a request. Its strings are the request's own.
func routeOf(r *http.Request) route {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	second, _, _ := strings.Cut(rest, "/")
	return route{knownMethod(r.Method), kind(first), kind(second)}
}

func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return m
	}
	return "OTHER"
}

// kind is a segment of a path, or "*" for one that looks like an id: a number, or long, or
// letters and digits that no person would type.
func kind(segment string) string {
	digits := 0
	for i := range len(segment) {
		if c := segment[i]; c >= '0' && c <= '9' {
			digits++
		}
	}
	switch {
	case len(segment) > 40, digits > 0 && digits == len(segment), len(segment) >= 16 && digits >= 4:
		return "*"
	}
	return segment
}

// routes are the handlers that record under the names of routes.
type routes struct {
	profiler *profiler.Profiler
	next     http.Handler

	known atomic.Pointer[map[route]http.Handler]
	mu    sync.Mutex // serialises changes of known
}

func (rs *routes) init(p *profiler.Profiler, next http.Handler) {
	rs.profiler, rs.next = p, next
	rs.known.Store(&map[route]http.Handler{})
}

// handler is the one that serves and records a request.
func (rs *routes) handler(r *http.Request) http.Handler {
	if !rs.profiler.Enabled() {
		return rs.next
	}
	key, known := routeOf(r), *rs.known.Load()
	if h, ok := known[key]; ok {
		return h
	}
	if len(known) >= MaxRoutes {
		key = otherRoute(key.method)
		if h, ok := known[key]; ok {
			return h
		}
	}
	return rs.learn(key)
}

// otherRoute stands for the routes of a method beyond the bound.
func otherRoute(method string) route { return route{method: method, first: "(other)"} }

func (rs *routes) learn(key route) http.Handler {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	known := *rs.known.Load()
	if len(known) >= MaxRoutes { // the others are at most one for each method
		key = otherRoute(key.method)
	}
	if h, ok := known[key]; ok {
		return h
	}
	key = route{strings.Clone(key.method), strings.Clone(key.first), strings.Clone(key.second)}
	h := rs.profiler.Handler(key.name(), rs.next)
	next := maps.Clone(known)
	next[key] = h
	rs.known.Store(&next)
	return h
}
