package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// RoundTrip sends the request to a server of the pool: scheme and host of its URL are
// replaced, the path is joined to that of the server, the Host header stays the request's
// own. When no server can take it, the error is an [UnavailableError]. The response body
// must be closed, as always: the call counts as in flight until then.
func (p *Pool) RoundTrip(req *http.Request) (*http.Response, error) {
	p.requests.Add(1)
	limits := p.view.Load().limits
	p.budget.earn(limits.RetryBudgetRatio)
	c := &call{pool: p, trace: traceOf(req.Context()), job: p.newJob(requestClass(req), promptOf(req.Context()))}
	c.req, c.stop = withDeadline(req)
	c.opted = opted(req, limits)
	c.safe = c.opted || idempotent(req)
	var err error
	if c.body, err = newReplay(c.req, c.safe); err != nil {
		p.ended(cancelled)
		c.release()
		return nil, err
	}
	defer c.body.done()
	return c.run() //nolint:contextcheck // it takes the request's own
}

// call is one request on its way through the pool.
type call struct {
	pool  *Pool
	req   *http.Request
	stop  context.CancelFunc // of the deadline that the request carried, or nil
	body  *replay
	trace *Trace
	job   job
	tried []*Server
	// safe says that the request may be sent twice, opted that someone said so of one whose
	// method does not.
	safe, opted bool
	retrying    bool // the attempt under way has a place in the budget
	paid        bool // the next one has
}

// release lets go of the deadline.
func (c *call) release() {
	if c.stop != nil {
		c.stop()
	}
}

func (c *call) hasTried(s *Server) bool { return slices.Contains(c.tried, s) }

// ended counts how a call ended in the end.
func (p *Pool) ended(v verdict) {
	switch v {
	case succeeded:
		p.succeeded.Add(1)
		p.outcomes.record(p.now(), true)
	case cancelled:
		p.cancelled.Add(1)
	default:
		p.failed.Add(1)
		p.outcomes.record(p.now(), false)
	}
}

// run makes attempts until one is good or none is left.
func (c *call) run() (*http.Response, error) {
	p := c.pool
	for attempt := 1; ; attempt++ {
		c.job.now = p.now()
		l, err := p.acquire(c.job, c.tried)
		if err != nil {
			p.rejected.Add(1)
			p.ended(failing)
			c.giveBack()
			c.release()
			return nil, err
		}
		a, err := c.attempt(l, attempt)
		c.giveBack()
		if attempt >= p.view.Load().limits.MaxRetries || !c.mayRetry(a, err) || !c.pay() {
			return c.handOut(a, err)
		}
		p.retries.Add(1)
		c.job.rnd = splitmix(c.job.rnd)
		c.abandon(a, l)
	}
}

// pay asks for a place in the budget, if an attempt that was given up has not got it already.
func (c *call) pay() bool {
	c.retrying = c.paid || c.pool.budget.take()
	c.paid = false
	return c.retrying
}

// giveBack gives the place of the attempt that ended back.
func (c *call) giveBack() {
	if c.retrying {
		c.retrying = false
		c.pool.budget.give()
	}
}

// attempt sends the request to the server of the lease. Either the answer or the error is
// nil.
func (c *call) attempt(l *lease, attempt int) (*answer, error) {
	ctx, cancel := context.WithCancelCause(c.req.Context())
	l.onCut(cancel)
	s := l.server
	c.trace.Server, c.trace.Attempts = s.id, attempt
	if c.hasTried(s) && !pause(ctx, attempt) {
		return nil, c.failed(ctx, l, cancel, ctx.Err())
	}
	set := s.settings.Load()
	out := aimed(ctx, c.req, set.target)
	if err := c.body.put(out, attempt); err != nil {
		return nil, c.failed(ctx, l, cancel, err)
	}
	tellDeadline(out)
	w := c.watch(l, attempt, cancel)
	began := time.Now()
	resp, err := c.pool.transportOf(set).RoundTrip(out)
	took := time.Since(began)
	if err == nil && w != nil {
		err = c.hold(resp)
	}
	if !w.end() {
		c.paid = true
		if err == nil {
			_ = resp.Body.Close() // its context has ended
			err = errAttemptTimeout
		}
	}
	c.trace.UpstreamHeaderTime = took
	c.trace.UpstreamTime += took
	if err != nil {
		return nil, c.failed(ctx, l, cancel, err)
	}
	l.headersCame()
	return c.answered(l, resp, cancel, took), nil
}

// failed ends an attempt that had no answer.
func (c *call) failed(ctx context.Context, l *lease, cancel context.CancelCauseFunc, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrServerCut) || errors.Is(cause, errAttemptTimeout) {
		err = cause
	}
	cancel(nil)
	latency := int64(-1)
	v := c.blame(err)
	if v == failing {
		latency = c.pool.now() - l.began
	}
	c.pool.end(l, c.pool.now(), outcome{v, latency})
	return fmt.Errorf("server %s: %w", l.server.id, err)
}

// blame says whose fault an error is. A caller's own deadline that passes is the server's:
// it did not answer in time.
func (c *call) blame(err error) verdict {
	var broken *bodyError
	switch {
	case errors.Is(c.req.Context().Err(), context.Canceled), errors.Is(err, ErrServerCut),
		errors.As(err, &broken), c.body.broken():
		return cancelled
	}
	return failing
}

// answered wraps the body of a response so that its end ends the call.
func (c *call) answered(l *lease, resp *http.Response, cancel context.CancelCauseFunc, took time.Duration) *answer {
	now := c.pool.now()
	l.server.reported(now, resp.Header)
	if d := spareFor(resp); d > 0 {
		l.server.Spare(d)
	}
	a := &answer{
		ReadCloser: resp.Body, call: c, lease: l, resp: resp, cancel: cancel,
		headers: int64(took), left: resp.ContentLength, stream: isStream(resp.Header),
		verdict: verdictOf(resp),
	}
	if len(resp.Trailer) > 0 {
		a.left = -1 // the end is behind the trailer
	}
	resp.Request = c.req
	if w, ok := resp.Body.(io.Writer); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		a.upgrade = true
		resp.Body = &tunnel{answer: a, Writer: w}
		l.onCut(func(cause error) {
			cancel(cause)
			_ = a.Close() // the tunnel ends here, whatever its state
		})
		return a
	}
	resp.Body = a
	return a
}

// mayRetry reports whether the request can be sent again without harm and with hope.
func (c *call) mayRetry(a *answer, err error) bool {
	if c.req.Context().Err() != nil || !c.body.ready() || c.body.broken() {
		return false
	}
	if err != nil {
		var broken *bodyError
		return !errors.As(err, &broken) && (unsent(err) || c.safe)
	}
	return c.safe && c.worth(a)
}

// abandon lets go of an attempt that is followed by another.
func (c *call) abandon(a *answer, l *lease) {
	c.tried = append(c.tried, l.server)
	if a == nil {
		return
	}
	// A short answer is read so that its connection can be used again.
	latency := a.headers
	_, _ = io.CopyN(io.Discard, a.ReadCloser, 4<<10) // it is thrown away
	_ = a.ReadCloser.Close()
	c.pool.end(l, c.pool.now(), outcome{a.verdict, latency})
	a.cancel(nil)
}

// handOut returns the last attempt to the caller.
func (c *call) handOut(a *answer, err error) (*http.Response, error) {
	if c.paid { // for an attempt that will not be
		c.paid = false
		c.pool.budget.give()
	}
	if err != nil {
		c.pool.ended(c.blame(err))
		c.release()
		return nil, err
	}
	if !a.upgrade && (a.ReadCloser == http.NoBody || c.req.Method == http.MethodHead) {
		a.end(a.verdict)
		a.close(nil)
		a.resp.Body = a.ReadCloser
	}
	return a.resp, nil
}
