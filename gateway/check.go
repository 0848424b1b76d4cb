package gateway

import (
	"net/http"
	"strings"
)

// Bounds that no configuration can lift.
const (
	maxTargetBytes = 8 << 10
	maxHeaderLines = 128
	// maxHops is how often a request may pass gateways like this one.
	maxHops = 5
	// hop is how this gateway calls itself in Via.
	hop = "1.1 upshift"
)

// check decides whether the request may go on; nil means yes. Framing, header syntax and the
// size of the head have been judged by net/http before.
func (x *exchange) check() *problem {
	r := x.request
	switch {
	case r.ProtoMajor == 1 && r.ProtoMinor > 1 || r.ProtoMajor > 2:
		return refuse(refusedVersion, http.StatusHTTPVersionNotSupported, "this version of HTTP is not spoken here",
			"use HTTP/1.1 or HTTP/2")
	case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		return refuse(refusedMethod, http.StatusMethodNotAllowed, "the method "+r.Method+" is not passed on", "use another method")
	case len(r.RequestURI) > maxTargetBytes:
		return refuse(refusedTarget, http.StatusRequestURITooLong, "the request's target is longer than 8 KiB",
			"send long parameters in the body")
	case r.URL.Host != "" || r.URL.Scheme != "" || r.URL.Opaque != "" || !strings.HasPrefix(r.URL.Path, "/"):
		return refuse(refusedTarget, http.StatusBadRequest, "the request's target is not a path", "ask for /path?query with a Host header")
	case !goodPath(r.URL.Path):
		return refuse(refusedTarget, http.StatusBadRequest, "the path has dot segments or control characters",
			"ask for the path that is meant, without . and ..")
	case !goodHost(r.Host):
		return refuse(refusedHost, http.StatusBadRequest, "the Host header is missing or malformed", "send one Host header: name or name:port")
	case r.ContentLength > x.cfg.MaxBodyBytes:
		return problemTooLarge(x.cfg.MaxBodyBytes)
	}
	return x.checkHeaders(r.Header)
}

// checkHeaders bounds what the size of the head does not.
func (x *exchange) checkHeaders(h http.Header) *problem {
	lines := 0
	for name, values := range h {
		lines += len(values)
		x.underscores = x.underscores || strings.IndexByte(name, '_') >= 0
	}
	if lines > maxHeaderLines {
		return refuse(refusedHeaders, http.StatusRequestHeaderFieldsTooLarge, "the request has more than 128 header lines",
			"send fewer headers")
	}
	if via := h["Via"]; len(via) > 0 && strings.Count(strings.Join(via, ","), hop) >= maxHops {
		return refuse(refusedLoop, http.StatusLoopDetected, "the request came through here before",
			"a server of load_balancer.servers leads back to a gateway; take it out")
	}
	return nil
}

// goodPath refuses what a server may read as another path than this gateway does.
func goodPath(path string) bool {
	for i := range len(path) {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f:
			return false
		case c == '.' && (i == 0 || slash(path[i-1])) && dotSegment(path[i:]):
			return false
		}
	}
	return true
}

// dotSegment reports whether a path that begins with a dot begins with a segment . or ..
func dotSegment(path string) bool {
	rest := strings.TrimPrefix(path[1:], ".")
	return rest == "" || slash(rest[0])
}

func slash(c byte) bool { return c == '/' || c == '\\' }

// goodHost accepts name, name:port and [address]:port.
func goodHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
		if port := host[i+1:]; port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner != "" && strings.Trim(inner, "0123456789abcdefABCDEF:.") == ""
	}
	return name != "" && plain(name, ".-_")
}

// plain reports whether s is of ASCII letters, digits and the extra characters.
func plain(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
