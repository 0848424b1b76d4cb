package profiler

import "context"

// Enter and Leave are Start and End for libraries that call one hook before an operation and another
// after it, and carry nothing between them but a context, such as a pgx.QueryTracer:
//
//	func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
//		return t.site.Enter(ctx)
//	}
//
//	func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
//		t.site.Leave(ctx, d.Err)
//	}
//
// Every call of Enter is recorded by the one call of Leave that gets its context. It nests as
// [Site.StartContext] does.
func (s *Site) Enter(ctx context.Context) context.Context {
	if s == nil || !s.p.enabled.Load() {
		return ctx
	}
	ctx, call := s.function().beginIn(ctx)
	return &hooked{ctx, s, call}
}

// Leave ends what Enter of the same site began. Where the profiler was off then it does nothing.
func (s *Site) Leave(ctx context.Context, err error) {
	if s == nil {
		return
	}
	if h, ok := ctx.Value(hookKey{s}).(*hooked); ok {
		h.call.End(err)
	}
}

// hookKey asks a context for the call of a site.
type hookKey struct{ site *Site }

// hooked is the context between the two hooks of a site.
type hooked struct {
	context.Context
	site *Site
	call Call
}

// Value returns the call of the site, or a value of its parent context.
func (h *hooked) Value(key any) any {
	if k, ok := key.(hookKey); ok && k.site == h.site {
		return h
	}
	return h.Context.Value(key)
}

// UnaryServer returns a grpc.UnaryServerInterceptor that records each call under its full method. It
// names no type of gRPC, so that this package does not need it; the caller does:
//
//	grpc.UnaryInterceptor(profiler.UnaryServer[grpc.UnaryServerInfo, grpc.UnaryHandler](p,
//		func(i *grpc.UnaryServerInfo) string { return i.FullMethod }))
//
// An error and a panic count as failures and go on.
func UnaryServer[Info any, Next ~func(context.Context, any) (any, error)](
	p *Profiler, method func(*Info) string,
) func(ctx context.Context, request any, info *Info, next Next) (any, error) {
	return func(ctx context.Context, request any, info *Info, next Next) (any, error) {
		if !p.Enabled() {
			return next(ctx, request)
		}
		return recorded(ctx, p.method(method(info)), next, request)
	}
}

// StreamServer returns a grpc.StreamServerInterceptor that records each stream from begin to end under
// its full method, as [UnaryServer] does. The context of a stream cannot be replaced, so nothing
// nests in it.
func StreamServer[Stream, Info any, Next ~func(any, Stream) error](
	p *Profiler, method func(*Info) string,
) func(server any, stream Stream, info *Info, next Next) error {
	return func(server any, stream Stream, info *Info, next Next) (err error) {
		if !p.Enabled() {
			return next(server, stream)
		}
		call, returned := p.method(method(info)).begin(), false
		defer func() { call.leave(err, returned, recover()) }()
		err = next(server, stream)
		returned = true
		return err
	}
}

// method finds or makes the function of that name, which is in no Go function of its own.
func (p *Profiler) method(name string) *function {
	if fn, ok := (*p.functions.Load())[name]; ok {
		return fn
	}
	return p.define(cleanName(name), noGoFunction)
}

// UnaryClient returns a grpc.UnaryClientInterceptor that records each call under its full method:
//
//	grpc.WithUnaryInterceptor(profiler.UnaryClient[*grpc.ClientConn, grpc.CallOption, grpc.UnaryInvoker](p))
func UnaryClient[Conn, Option any, Next ~func(context.Context, string, any, any, Conn, ...Option) error](
	p *Profiler,
) func(ctx context.Context, method string, request, reply any, c Conn, next Next, options ...Option) error {
	return func(ctx context.Context, method string, request, reply any, c Conn, next Next, options ...Option) (err error) {
		if !p.Enabled() {
			return next(ctx, method, request, reply, c, options...)
		}
		ctx, call := p.method(method).beginIn(ctx)
		returned := false
		defer func() { call.leave(err, returned, recover()) }()
		err = next(ctx, method, request, reply, c, options...)
		returned = true
		return err
	}
}
