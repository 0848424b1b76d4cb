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
	return func(ctx context.Context, arg A) (result R, err error) {
		if !p.enabled.Load() {
			return fn(ctx, arg)
		}
		ctx, call := site.StartContext(ctx)
		returned := false
		defer func() { call.leave(err, returned, recover()) }()
		result, err = fn(ctx, arg)
		returned = true
		return result, err
	}
}
