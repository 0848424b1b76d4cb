package profiler

import "context"

// Wrap returns fn with its calls recorded under name. A returned error counts as a
// failure; a panic is recorded and goes on with its value, and runtime.Goexit is recorded
// as a failure too. With a nil profiler it is fn itself.
func Wrap[A, R any](
	p *Profiler, name string, fn func(context.Context, A) (R, error),
) func(context.Context, A) (R, error) {
	if p == nil {
		return fn
	}
	site := p.Site(name)
	site.goFunction = goFunctionOf(fn)
	return func(ctx context.Context, arg A) (R, error) {
		if !p.enabled.Load() {
			return fn(ctx, arg)
		}
		return recorded(ctx, site.function(), fn, arg)
	}
}

// recorded calls next. It is a function of its own so that a call not recorded pays for no defer.
func recorded[A, R any](
	ctx context.Context, fn *function, next func(context.Context, A) (R, error), arg A,
) (result R, err error) {
	ctx, call := fn.beginIn(ctx)
	returned := false
	defer func() {
		if !returned { // asking for a panic costs more than this
			call.leave(err, false, recover())
		}
	}()
	result, err = labelled(fn, next)(ctx, arg)
	returned = true
	call.End(err)
	return result, err
}
