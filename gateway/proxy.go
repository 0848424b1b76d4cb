package gateway

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"
)

// newProxy returns the proxy over next. The exchange is in the context of each request.
func newProxy(g *Gateway, next http.RoundTripper) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      next,
		BufferPool:     &buffers{},
		ModifyResponse: modifyResponse,
		ErrorHandler:   answerError,
		// What it has to say, the exchange counts.
		ErrorLog: slog.NewLogLogger(g.logger.Handler(), slog.LevelDebug),
	}
}

// rewrite makes the request to the server. Hop-by-hop headers and the client's X-Forwarded-*
// are gone already.
func rewrite(r *httputil.ProxyRequest) {
	x, out := exchangeOf(r.In.Context()), r.Out
	h := out.Header
	removeHeaders(h, claims)
	if r.In.Method == http.MethodGet || r.In.Method == http.MethodHead {
		removeHeaders(h, methodClaims)
	}
	if x.underscores {
		for name := range h {
			if strings.Contains(name, "_") {
				delete(h, name)
			}
		}
	}
	if kind := h.Get("Upgrade"); kind != "" && (!strings.EqualFold(kind, "websocket") || r.In.Method != http.MethodGet) {
		delete(h, "Upgrade")
		delete(h, "Connection")
	}
	out.Trailer = nil
	out.URL.Scheme, out.URL.Host = "http", r.In.Host // the pool puts its server in their place
	if r.In.TLS != nil {
		out.URL.Scheme = "https"
	}
	r.SetXForwarded()
	h["X-Request-Id"] = []string{x.id}
	h["Via"] = append(h["Via"], hop)
}

// modifyResponse makes the answer to the client.
func modifyResponse(res *http.Response) error {
	x, h := exchangeOf(res.Request.Context()), res.Header
	x.headersCame(res)
	removeHeaders(h, inward)
	h["X-Request-Id"] = []string{x.id}
	if x.trace.Server != "" {
		h["X-Upshift-Server"] = []string{x.trace.Server}
		h["X-Upshift-Attempts"] = []string{strconv.Itoa(x.trace.Attempts)}
	}
	if x.pool != "" {
		h["X-Upshift-Pool"] = []string{x.pool}
	}
	h["X-Upshift-Overhead-Ms"] = []string{x.overheadMS()}
	if s := x.cacheStatus(); s != "" {
		h["Cache-Status"] = append(h["Cache-Status"], s)
	}
	return nil
}

// overheadMS is what the request took so far that no server took, in milliseconds.
func (x *exchange) overheadMS() string {
	took := max(time.Since(x.began)-x.trace.UpstreamTime, 0)
	return strconv.FormatFloat(float64(took.Microseconds())/1000, 'f', 3, 64)
}

// cacheStatuses are the members of Cache-Status (RFC 9211) that an outcome adds.
var cacheStatuses = [outcomes]string{ // #nosec G101 -- no credentials, only words
	outcomeHit:         "upshift; hit; ttl=",
	outcomeCollapsed:   "upshift; fwd=uri-miss; collapsed",
	outcomeRevalidated: "upshift; fwd=stale; fwd-status=304",
	outcomeMiss:        "upshift; fwd=uri-miss",
	outcomeVaryMiss:    "upshift; fwd=vary-miss",
	outcomeStale:       "upshift; fwd=stale",
	outcomeRequest:     "upshift; fwd=request",
	outcomeMethod:      "upshift; fwd=method",
	outcomeBypass:      "upshift; fwd=bypass",
	outcomeUnmet:       "upshift; detail=only-if-cached",
	outcomeStaleWhile:  "upshift; hit; detail=stale-while-revalidate; ttl=",
	outcomeStaleError:  "upshift; fwd=stale; detail=stale-if-error",
}

func (x *exchange) cacheStatus() string {
	s := cacheStatuses[x.outcome]
	if x.asks {
		s = strings.Replace(s, "uri-miss", "miss", 1)
	}
	switch {
	case x.outcome == outcomeHit || x.outcome == outcomeStaleWhile:
		s += strconv.FormatInt(int64(x.freshFor/time.Second), 10)
	case x.outcome == outcomeStaleError && x.forwardStatus > 0:
		s += "; fwd-status=" + strconv.Itoa(x.forwardStatus)
	}
	if x.detail != "" {
		s += "; detail=" + x.detail
	}
	return s
}

// answerError answers a request that has no response.
func answerError(_ http.ResponseWriter, req *http.Request, err error) {
	x := exchangeOf(req.Context())
	if x.writer.hijacked || x.writer.started() {
		x.gone = true // the connection is the client's, and it broke
		return
	}
	p := x.problemOf(err) //nolint:contextcheck // the exchange is the context
	if p == nil {
		return // nobody is there
	}
	x.problem(p)
}

// buffers are those with which bodies are copied.
type buffers struct{ pool sync.Pool }

const bufferBytes = 32 << 10

// Get returns a buffer.
func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[bufferBytes]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferBytes)
}

// Put takes a buffer back.
func (b *buffers) Put(buf []byte) {
	if len(buf) == bufferBytes {
		b.pool.Put((*[bufferBytes]byte)(buf))
	}
}

// bytesBody is a body in memory.
type bytesBody struct{ *bytes.Reader }

func newBytesBody(b []byte) io.ReadCloser { return bytesBody{bytes.NewReader(b)} }

// Close does nothing.
func (bytesBody) Close() error { return nil }
