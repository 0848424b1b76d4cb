package costload

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentientcore/upshift/profiler"
)

// truth is what calls of a function took, without those inside it.
type truth struct {
	nanos, bytes, calls atomic.Int64
}

// plain is a truth at one time.
type plain struct{ nanos, bytes, calls float64 }

func (t *truth) now() plain {
	return plain{float64(t.nanos.Load()), float64(t.bytes.Load()), float64(t.calls.Load())}
}

// job is a function with its truth, and how often it is called.
type job struct {
	name   string
	often  int
	wrap   func(*profiler.Profiler, *truth) func(context.Context, int) (int, error)
	truth  truth
	called func(context.Context, int) (int, error)
}

var sink atomic.Pointer[[]byte]

// allocate makes n slices of size bytes, a size class, so that no byte is added.
func allocate(t *truth, n, size int) {
	for range n {
		b := make([]byte, size)
		sink.Store(&b)
	}
	t.bytes.Add(int64(n * size))
	t.bytes.Add(int64(n * 24)) // the slice's header, which is stored
}

// burn keeps a processor busy for d.
func burn(d time.Duration) {
	for end := threadNanos() + int64(d); threadNanos() < end; {
		x := uint64(1)
		for range 5000 {
			x = x*6364136223846793005 + 1
		}
		sinkNumber.Store(x)
	}
}

var sinkNumber atomic.Uint64

// threadNanos is the processor time of the thread.
func threadNanos() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// timed counts what f takes of a processor, on one thread, without what it says to leave out.
func (t *truth) timed(f func() (leftOut int64)) {
	runtime.LockOSThread()
	start := threadNanos()
	left := f()
	t.nanos.Add(threadNanos() - start - left)
	runtime.UnlockOSThread()
	t.calls.Add(1)
}

// jobs are the functions: short and long ones, some that only allocate, one that does both, one
// with a profiled call inside it, and one that mostly waits. Each is a Go function of its own.
func jobs() []*job {
	inner := &job{name: "inner", often: 0}
	inner.wrap = func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
		return profiler.Wrap(p, inner.name, func(context.Context, int) (int, error) {
			t.timed(func() int64 { burn(400 * time.Microsecond); allocate(t, 1, 8192); return 0 })
			return 0, nil
		})
	}
	outer := &job{name: "outer", often: 3}
	outer.wrap = func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
		return profiler.Wrap(p, outer.name, func(ctx context.Context, n int) (int, error) {
			t.timed(func() int64 {
				burn(600 * time.Microsecond)
				start := threadNanos()
				_, _ = inner.called(ctx, n) // fails never
				left := threadNanos() - start
				allocate(t, 2, 4096)
				return left
			})
			return 0, nil
		})
	}
	return []*job{
		{name: "cpu.short", often: 10, wrap: func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
			return profiler.Wrap(p, "cpu.short", func(context.Context, int) (int, error) {
				t.timed(func() int64 { burn(200 * time.Microsecond); return 0 })
				return 0, nil
			})
		}},
		{name: "cpu.long", often: 1, wrap: func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
			return profiler.Wrap(p, "cpu.long", func(context.Context, int) (int, error) {
				t.timed(func() int64 { burn(3 * time.Millisecond); return 0 })
				return 0, nil
			})
		}},
		{name: "alloc.middle", often: 10, wrap: func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
			return profiler.Wrap(p, "alloc.middle", func(context.Context, int) (int, error) {
				t.timed(func() int64 { allocate(t, 4, 16384); return 0 })
				return 0, nil
			})
		}},
		{name: "alloc.large", often: 4, wrap: func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
			return profiler.Wrap(p, "alloc.large", func(context.Context, int) (int, error) {
				t.timed(func() int64 { allocate(t, 1, 262144); return 0 })
				return 0, nil
			})
		}},
		{name: "both", often: 4, wrap: func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
			return profiler.Wrap(p, "both", func(context.Context, int) (int, error) {
				t.timed(func() int64 { burn(500 * time.Microsecond); allocate(t, 20, 1024); return 0 })
				return 0, nil
			})
		}},
		{name: "waits", often: 3, wrap: func(p *profiler.Profiler, t *truth) func(context.Context, int) (int, error) {
			return profiler.Wrap(p, "waits", func(context.Context, int) (int, error) {
				time.Sleep(time.Millisecond)
				t.timed(func() int64 { allocate(t, 1, 512); return 0 })
				return 0, nil
			})
		}},
		outer, inner,
	}
}
