package balancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
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
	if c.hedger = p.hedgerOf(req, limits); c.hedger != nil {
		c.hedger.earn(limits.HedgeBudgetRatio)
	}
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
	tried triedServers
	// safe says that the request may be sent twice, opted that someone said so of one whose
	// method does not.
	safe, opted bool
	hedger      *hedger // nil: one server at a time
	retrying    bool    // the attempt under way has a place in the budget
	paid        bool    // the next one has
}

// release lets go of the deadline.
func (c *call) release() {
	if c.stop != nil {
		c.stop()
	}
}

// triedServers are those that a call was sent to in vain. A try that lost a race may still look.
type triedServers struct {
	mu   sync.Mutex // guards the field below
	list []*Server
}

func (t *triedServers) add(s *Server) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, s)
}

func (t *triedServers) has(s *Server) bool { return slices.Contains(t.all(), s) }

// all are those so far; more may be added, but none of these changes.
func (t *triedServers) all() []*Server {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list
}

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
		l, err := p.acquire(c.job, c.tried.all())
		if err != nil {
			p.rejected.Add(1)
			p.ended(failing)
			c.giveBack()
			c.release()
			return nil, err
		}
		t := c.attempt(l, attempt)
		c.giveBack()
		if attempt >= p.view.Load().limits.MaxRetries || !c.mayRetry(t) || !c.pay() {
			return c.handOut(t.answer, t.err)
		}
		p.retries.Add(1)
		c.job.rnd = splitmix(c.job.rnd)
		c.abandon(t)
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

// try is an attempt that ended: either the answer or the error is nil.
type try struct {
	lease  *lease
	answer *answer
	err    error
	took   time.Duration // until the headers, or the error
	good   bool          // it is an answer that no other server is asked to better
	final  bool          // nothing is to be waited for besides it
	paid   bool          // it was given up for another one, which has its place in the budget
}

// attempt sends the request to the server of the lease, and if it is hedged perhaps to another.
func (c *call) attempt(l *lease, attempt int) *try {
	c.trace.Server = l.server.id
	var t *try
	asked := 1
	if c.hedger != nil && attempt == 1 && c.body.again != nil && len(c.pool.view.Load().servers) > 1 {
		t, asked = c.hedge(l, attempt)
	} else {
		t = c.send(l, attempt, nil)
	}
	c.paid = t.paid
	c.trace.Server, c.trace.Attempts = t.lease.server.id, c.trace.Attempts+asked
	c.trace.UpstreamHeaderTime = t.took
	c.trace.UpstreamTime += t.took
	return t
}

// send sends the request to the server of the lease. When racing is not nil, its being cancelled
// says that another server was faster.
func (c *call) send(l *lease, attempt int, racing failsafe.Execution[*try]) *try {
	ctx, cancel := context.WithCancelCause(c.req.Context())
	l.onCut(cancel)
	s := l.server
	if c.tried.has(s) && !pause(ctx, attempt) {
		return &try{lease: l, err: c.failed(ctx, l, cancel, ctx.Err())}
	}
	set := s.settings.Load()
	out := aimed(ctx, c.req, set.target)
	if err := c.body.put(out, attempt); err != nil {
		return &try{lease: l, err: c.failed(ctx, l, cancel, err)}
	}
	tellDeadline(out)
	w := c.watch(l, attempt, cancel)
	alone := func() bool { return true } // reports whether nobody was faster
	if racing != nil {
		alone = context.AfterFunc(racing.Context(), func() { cancel(errOutrun) })
	}
	began := time.Now()
	resp, err := c.pool.transportOf(set).RoundTrip(out)
	took := time.Since(began)
	if err == nil && (w != nil || racing != nil) {
		err = c.hold(resp)
	}
	t := &try{lease: l, took: took, paid: !w.end()}
	if t.paid {
		err = drop(resp, err, errAttemptTimeout)
	}
	if !alone() {
		err = drop(resp, err, errOutrun)
	}
	if err != nil {
		t.err = c.failed(ctx, l, cancel, err)
		return t
	}
	l.headersCame()
	t.answer = c.answered(l, resp, cancel, took)
	t.good = !c.safe || !c.worth(t.answer)
	return t
}

// drop lets go of an answer, if there was one, because its context has ended for a cause.
func drop(resp *http.Response, err, cause error) error {
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // its context has ended
	return cause
}

// failed ends an attempt that had no answer.
func (c *call) failed(ctx context.Context, l *lease, cancel context.CancelCauseFunc, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrServerCut) || errors.Is(cause, errAttemptTimeout) || errors.Is(cause, errOutrun) {
		err = cause
	}
	cancel(nil)
	latency := int64(-1)
	v := c.blame(err)
	if errors.Is(err, errOutrun) && v == failing {
		v = outrun
	}
	if v == failing || v == outrun {
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
func (c *call) mayRetry(t *try) bool {
	if c.req.Context().Err() != nil || !c.body.ready() || c.body.broken() {
		return false
	}
	if t.err != nil {
		var broken *bodyError
		return !errors.As(t.err, &broken) && (unsent(t.err) || c.safe)
	}
	return !t.good
}

// abandon lets go of an attempt that is followed by another.
func (c *call) abandon(t *try) {
	a := t.answer
	c.tried.add(t.lease.server)
	if a == nil {
		return
	}
	// A short answer is read so that its connection can be used again.
	latency := a.headers
	_, _ = io.CopyN(io.Discard, a.ReadCloser, 4<<10) // it is thrown away
	_ = a.ReadCloser.Close()
	c.pool.end(t.lease, c.pool.now(), outcome{a.verdict, latency})
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
