package gateway

import (
	"math/rand/v2"
	"mime"
	"net/http"
	"strings"
)

// hopByHop are the headers that belong to one connection (RFC 9110 section 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// claims are headers with which a client can make a server believe in another host, path,
// method or client than the gateway saw. They are taken off every request.
var claims = []string{
	"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Ssl",
	"X-Forwarded-Path", "X-Forwarded-Uri", "X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Rewrite-Url",
	"X-Host", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "X-Cluster-Client-Ip",
}

// methodClaims make another request of a safe one. They are taken off those.
var methodClaims = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// inward are headers of answers that are for the gateway or would lead past it.
var inward = []string{"Alt-Svc", "Endpoint-Load-Metrics", "Endpoint-Load-Metrics-Bin", "X-Upshift-Load"}

func removeHeaders(h http.Header, names []string) {
	for _, name := range names {
		delete(h, name)
	}
}

// removeHopByHop removes the headers of the connection, those that Connection lists included.
func removeHopByHop(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(trim(name))
		}
	}
	removeHeaders(h, hopByHop)
}

// storedHeader is a copy of an answer's headers as they are kept.
func storedHeader(h http.Header) http.Header {
	kept := h.Clone()
	removeHopByHop(kept)
	removeHeaders(kept, inward)
	kept.Del("X-Request-Id")
	return kept
}

func isStream(h http.Header) bool {
	v := h.Get("Content-Type")
	if !strings.HasPrefix(v, "text/") && !strings.HasPrefix(v, "Text/") && !strings.HasPrefix(v, "TEXT/") {
		return false
	}
	kind, _, _ := mime.ParseMediaType(v)
	return kind == "text/event-stream"
}

const hexDigits = "0123456789abcdef"

// requestID is the client's id of the request if it is harmless, otherwise a new one. It is
// random to be unique, not to be secret.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); goodRequestID(id) {
		return id
	}
	var id [32]byte
	for i := 0; i < len(id); i += 16 {
		bits := rand.Uint64()
		for j := range 16 {
			id[i+j] = hexDigits[bits&15]
			bits >>= 4
		}
	}
	return string(id[:])
}

func goodRequestID(id string) bool { return id != "" && len(id) <= 128 && plain(id, "._~:/+=@-") }
