package gateway

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// leading is the ride of the one who flies.
type leading struct {
	c   *caching
	f   *flight
	req *http.Request
	// stop keeps the client's leaving from ending the ride, and reports whether it has not yet.
	stop func() bool
	// flying: the body lands the flight. riding: the body ends the ride.
	flying, riding bool
	unshareable    bool
}

// begin flies f for req: while its client is there, it rides.
func (c *caching) begin(req *http.Request, f *flight) *leading {
	return &leading{c: c, f: f, req: req, stop: context.AfterFunc(req.Context(), f.leave)}
}

// end lands the flight and ends the ride, unless the body does.
func (l *leading) end() {
	if !l.flying {
		l.c.flights.land(l.f, l.unshareable)
	}
	if !l.riding && l.stop() {
		l.f.leave()
	}
}

// pass hands a response on that is not shared. Its body ends the request to the server.
func (l *leading) pass(res *http.Response) (*http.Response, error) {
	l.riding = true
	res.Body = &passing{res.Body, l}
	return res, nil
}

// passing is the body of a response that is not shared.
type passing struct {
	io.ReadCloser
	ride *leading
}

// Close ends the ride.
func (p *passing) Close() error {
	err := p.ReadCloser.Close()
	if p.ride.stop() {
		p.ride.f.leave()
	}
	return err
}

// share hands a response to all who ride, and to the cache.
func (l *leading) share(res *http.Response, fill *filling) (*http.Response, error) {
	x := exchangeOf(l.req.Context())
	fill.c, fill.g, fill.flight, fill.limit = l.c, x.g, l.f, x.cfg.CacheMaxBodyBytes
	l.flying = true
	if err := fill.begin(res); err != nil {
		l.flying = false
		return nil, err
	}
	if l.f.body == nil {
		res.Body = http.NoBody
		if len(l.f.answer.body) > 0 {
			res.Body = newBytesBody(l.f.answer.body)
		}
		return res, nil
	}
	if l.riding = l.stop(); !l.riding {
		return nil, l.req.Context().Err() // the client has left, and is no rider any more
	}
	res.Body = l.f.body.listen(l.req.Context(), l.f.alight)
	return res, nil
}

// staleOnError answers with what is kept when the servers failed and the answer allows it
// (RFC 5861 section 4); nil: it does not.
func (c *caching) staleOnError(req *http.Request, res *http.Response, err error, l look) *http.Response {
	x, now, failed := exchangeOf(req.Context()), time.Now(), 0
	switch {
	case req.Context().Err() != nil, l.answer == nil, !l.answer.usable(now, l.answer.staleOnError, noDirectives()):
		return nil
	case err == nil && !isOutage(res.StatusCode):
		return nil
	case err == nil:
		failed = res.StatusCode
		_ = res.Body.Close() // it is not passed on
	}
	x.outcome, x.forwardStatus = outcomeStaleError, failed
	return x.hit(l.answer, req, now)
}

// isOutage reports whether a status is one that a kept answer may stand in for.
func isOutage(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// maxRefreshes bounds the answers that are fetched anew at a time while the old ones are given.
const maxRefreshes = 64

// refresh fetches an answer anew that was given although it is too old (RFC 5861 section 3),
// unless somebody does already. It goes on after the request that asked for it has ended, counts
// as one of its own while draining, and ends with the server.
func (c *caching) refresh(req *http.Request, l look) {
	old := exchangeOf(req.Context())
	if c.refreshes.Add(1) > maxRefreshes {
		c.refreshes.Add(-1)
		return
	}
	x := &exchange{g: old.g, cfg: old.cfg, request: old.request, id: old.id, began: time.Now()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(req.Context()))
	x.Context, x.trace = balancer.WithTrace(ctx)
	f, leader := c.flights.join(x, l.key) //nolint:contextcheck // the exchange is the context
	if !leader {
		cancel()
		f.leave()
		c.refreshes.Add(-1)
		return
	}
	stop := func() bool { return true }
	if base, ok := req.Context().Value(baseKey{}).(context.Context); ok {
		stop = context.AfterFunc(base, cancel) //nolint:contextcheck // the server's end is its end
	}
	out := req.Clone(x) //nolint:contextcheck // the exchange is the context
	out.Method = http.MethodGet
	removeHeaders(out.Header, []string{"If-None-Match", "If-Modified-Since"})
	x.g.count.inFlight.Add(1)
	go func() {
		defer func() {
			cancel()
			stop()
			c.refreshes.Add(-1)
			x.g.requestEnded()
		}()
		c.fetch(out, l, f)
	}()
}

// fetch flies and lets nobody but the other riders and the cache have the answer.
func (c *caching) fetch(req *http.Request, l look, f *flight) {
	x := exchangeOf(req.Context())
	defer func() {
		if value := recover(); value != nil {
			x.g.count.panics.Add(1)
			x.g.logger.Error("refreshing an answer panicked", "panic", value)
		}
	}()
	res, err := c.lead(req, noDirectives(), l, f)
	if err != nil {
		return // the balancer has counted it, and the old answer is still there
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return // a body that broke off is not kept
	}
}
