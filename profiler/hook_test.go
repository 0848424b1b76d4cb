package profiler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestHooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProfiler(t, Config{})
		sql, other := p.Site("sql"), p.Site("other")
		outer, call := p.StartContext(t.Context(), "outer")
		ctx := sql.Enter(outer)
		time.Sleep(time.Second)
		inner := other.Enter(ctx)
		other.Leave(inner, errors.New("refused"))
		sql.Leave(inner, nil) // the innermost call of its own site, not of another
		sql.Leave(outer, nil) // nothing of it began here
		p.SetEnabled(false)
		off := sql.Enter(outer)
		sql.Leave(off, nil)
		p.SetEnabled(true)
		time.Sleep(time.Second)
		call.End(nil)
		var none *Site
		none.Leave(none.Enter(ctx), nil)

		for name, want := range map[string][3]float64{"sql": {1, 0, 1}, "other": {1, 1, 0}, "outer": {1, 0, 1}} {
			s := mustFunction(t, p, name)
			if got := [3]float64{float64(s.Calls), float64(s.Errors), s.SelfSeconds}; got != want {
				t.Errorf("%s: calls, errors, self seconds %v, want %v", name, got, want)
			}
		}
	})
}

// The types of gRPC as far as its interceptors go (google.golang.org/grpc, interceptor.go).
type (
	unaryInfo              struct{ FullMethod string }
	unaryHandler           func(ctx context.Context, request any) (any, error)
	unaryServerInterceptor func(ctx context.Context, request any, info *unaryInfo, handler unaryHandler) (any, error)

	serverStream            interface{ Context() context.Context }
	streamHandler           func(server any, stream serverStream) error
	streamServerInterceptor func(server any, stream serverStream, info *unaryInfo, handler streamHandler) error

	clientConn             struct{}
	callOption             interface{ before() }
	unaryInvoker           func(ctx context.Context, method string, request, reply any, c *clientConn, o ...callOption) error
	unaryClientInterceptor func(
		ctx context.Context, method string, request, reply any, c *clientConn, invoker unaryInvoker, o ...callOption) error
)

func TestInterceptors(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	fault := errors.New("fault")
	method := func(i *unaryInfo) string { return i.FullMethod }
	for _, p := range []*Profiler{p, nil} {
		var unary unaryServerInterceptor = UnaryServer[unaryInfo, unaryHandler](p, method)
		got, err := unary(t.Context(), 1, &unaryInfo{"/s/Unary"}, func(ctx context.Context, request any) (any, error) {
			_, nested := p.StartContext(ctx, "nested")
			nested.End(nil)
			return request, fault
		})
		if got != 1 || err != fault { //nolint:errorlint // the very error must come back
			t.Errorf("unary server: %v, %v", got, err)
		}
		var stream streamServerInterceptor = StreamServer[serverStream, unaryInfo, streamHandler](p, method)
		func() {
			defer func() {
				if v := recover(); v != "stream" {
					t.Errorf("stream server: panic %v", v)
				}
			}()
			_ = stream(nil, nil, &unaryInfo{"/s/Stream"}, func(any, serverStream) error { panic("stream") })
		}()
		var client unaryClientInterceptor = UnaryClient[*clientConn, callOption, unaryInvoker](p)
		err = client(t.Context(), "/c/Unary", 1, 2, nil,
			func(context.Context, string, any, any, *clientConn, ...callOption) error { return fault })
		if err != fault { //nolint:errorlint // the very error must come back
			t.Errorf("unary client: %v", err)
		}
	}
	for _, name := range []string{"/s/Unary", "/s/Stream", "/c/Unary"} {
		if s := mustFunction(t, p, name); s.Calls != 1 || s.Errors != 1 {
			t.Errorf("%s: %d calls, %d errors", name, s.Calls, s.Errors)
		}
	}
	mustFunction(t, p, "nested")
}
