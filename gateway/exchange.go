package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// statusGone stands for a client that left before its answer; it is never sent.
const statusGone = 499

// exchange is one request and its answer. It is the context of the request, so that every
// step finds it.
type exchange struct {
	context.Context
	g       *Gateway
	cfg     *settings
	request *http.Request
	writer  writer
	id      string
	began   time.Time
	trace   *balancer.Trace
	pool    string     // the one that was tried last, where there are routes
	tenant  *tenant    // nil: there are no limits
	model   *modelCall // nil: the path is of no language model

	// What the cache did, and for how long the answer stays fresh.
	outcome  outcome
	freshFor time.Duration
	// forwardStatus is what the servers answered when a kept answer stood in; zero: nothing.
	forwardStatus int
	// asks says that this is a POST of a route whose answers are kept; detail is why it is not
	// answered from the cache.
	asks   bool
	detail string

	underscores bool // some header name has one
	close       bool
	gone        bool // the client left, as far as the proxy saw
	stream      bool
	// bodyFault is the first error of reading the request's body; done says that the answer is
	// complete. Both are shared with the transport that sends the body.
	bodyFault atomic.Pointer[error]
	done      atomic.Bool
}

type exchangeKey struct{}

// Value returns the exchange itself or a value of the request's context.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// exchangeOf returns the exchange that a context belongs to. Every request of the proxy has
// one.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

func newExchange(g *Gateway, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{g: g, cfg: g.config.Load(), began: time.Now(), id: requestID(r.Header)}
	x.Context, x.trace = balancer.WithTrace(r.Context())
	x.model = newModelCall(g, r)
	x.writer.init(x, w)
	x.request = r.WithContext(x) //nolint:contextcheck // it is made of the request's own
	return x
}

// limitBody bounds the size of the request's body and the time it may stand still.
func (x *exchange) limitBody() {
	r := x.request
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	r.Body = &requestBody{
		ReadCloser: http.MaxBytesReader(x.writer.ResponseWriter, r.Body, x.cfg.MaxBodyBytes), x: x,
	}
}

// headersCame notes the answer's headers.
func (x *exchange) headersCame(res *http.Response) {
	c := &x.g.count
	if x.trace.Attempts > 0 {
		c.overhead.record(time.Since(x.began) - x.trace.UpstreamTime)
	}
	if isStream(res.Header) {
		x.stream = true
		c.streams.Add(1)
		c.streamsActive.Add(1)
	}
}

// account counts the exchange once it is over.
func (x *exchange) account(aborted bool) {
	x.done.Store(true)
	c, w := &x.g.count, &x.writer
	took := time.Since(x.began)
	drained := errors.Is(context.Cause(x), errDrained)
	broken := false
	switch {
	case aborted && !drained && (w.failed || x.Err() != nil):
		x.gone = true
	case aborted && !drained:
		c.upstream[faultTruncated].Add(1)
		broken = true
	}
	if x.gone {
		c.clientsGone.Add(1)
	}
	c.classes[w.class(x.gone, aborted, broken)].Add(1)
	c.bytesOut.Add(uint64(w.bytes))
	c.outcomes[x.outcome].Add(1)
	if x.model != nil {
		x.model.account(x.outcome)
	}
	if w.first == 0 {
		w.first = took
	}
	switch {
	case w.hijacked:
		c.upgradesActive.Add(-1)
		return // its duration says nothing
	case x.stream:
		c.streamsActive.Add(-1)
		took = w.first
	}
	c.firstByte.record(w.first)
	c.duration.record(took)
}

// problem answers with what went wrong.
func (x *exchange) problem(p *problem) {
	h := x.writer.Header()
	clear(h) // of an answer that was given up
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", x.id)
	if s := x.cacheStatus(); s != "" {
		h.Set("Cache-Status", s)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if x.close && x.request.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
	body := p.json(x.id)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.writer.WriteHeader(p.status)
	if _, err := x.writer.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		x.writer.failed = true // the client left; there is nobody to tell
	}
}
