package balancer

import (
	"context"
	"errors"
)

// Do calls fn with a server of the pool and counts the call there. An error of fn is a
// failure of the server, unless ctx was cancelled. When the error wraps [ErrRetry], or
// says that no connection could be made, fn is called again with another server within the
// limits of [Config]. The context given to fn ends with ErrServerCut as its cause when the
// server is drained for too long. When no server can take the call, the error is an
// [UnavailableError]. [WithWork] tells the size of the call.
func (p *Pool) Do(ctx context.Context, fn func(ctx context.Context, s *Server) error) error {
	p.requests.Add(1)
	p.budget.earn(p.view.Load().limits.RetryBudgetRatio)
	class, ok := workClass(ctx)
	if !ok {
		class = classEmpty
	}
	asked := promptOf(ctx)
	if asked != nil && asked.Stream { // fn does not say when the first token came
		whole := *asked
		whole.Stream = false
		asked = &whole
	}
	d := doing{pool: p, fn: fn, trace: traceOf(ctx), job: p.newJob(class, asked)}
	return d.run(ctx)
}

// doing is one Do under way.
type doing struct {
	pool  *Pool
	fn    func(ctx context.Context, s *Server) error
	trace *Trace
	job   job
	tried []*Server
}

func (d *doing) run(ctx context.Context) error {
	p, retrying := d.pool, false
	for attempt := 1; ; attempt++ {
		d.job.now = p.now()
		l, err := p.acquire(d.job, d.tried)
		if err != nil {
			p.rejected.Add(1)
			p.ended(failing)
			if retrying {
				p.budget.give()
			}
			return err
		}
		v, err := d.attempt(ctx, l, retrying)
		limits := p.view.Load().limits
		again := v == failing && ctx.Err() == nil && (errors.Is(err, ErrRetry) || unsent(err))
		if attempt >= limits.MaxRetries || !again || !p.budget.take() {
			p.ended(v)
			return err
		}
		retrying = true
		p.retries.Add(1)
		d.job.rnd = splitmix(d.job.rnd)
		d.tried = append(d.tried, l.server)
	}
}

// attempt calls fn once and ends the lease, also when fn panics.
func (d *doing) attempt(ctx context.Context, l *lease, retrying bool) (v verdict, err error) {
	p := d.pool
	callCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.onCut(cancel)
	d.trace.Server = l.server.id
	d.trace.Attempts++
	v = failing
	returned := false
	defer func() {
		now := p.now()
		p.end(l, now, outcome{v, now - l.began})
		if retrying {
			p.budget.give()
		}
		if !returned { // fn panicked; the panic goes on
			p.ended(failing)
		}
	}()
	err = d.fn(callCtx, l.server)
	returned = true
	switch {
	case err == nil:
		v = succeeded
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(context.Cause(callCtx), ErrServerCut):
		v = cancelled
	}
	return v, err
}
