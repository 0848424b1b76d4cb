package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"time"

	"github.com/felixge/fgprof"
	"github.com/google/pprof/profile"
)

const (
	// maxDataBytes bounds one capture.
	maxDataBytes = 64 << 20
	// maxWallGoroutines: 99 times a second the world stands still while all stacks are read.
	maxWallGoroutines = 10_000
	// maxStackGoroutines: a goroutine profile takes about 5 µs and 1 KiB of each.
	maxStackGoroutines = 200_000
	// blockRate is one sample in so many nanoseconds blocked; mutexFraction one in so many events.
	blockRate     = 10_000
	mutexFraction = 10
)

// local captures this process. It returns the bytes to keep.
func (r *Recorder) local(ctx context.Context, req Request) ([]byte, error) {
	seconds := time.Duration(req.Seconds) * time.Second
	switch req.Kind {
	case CPU:
		p, err := r.cpu.Record(ctx, seconds)
		if err != nil {
			return nil, err
		}
		return encode(p)
	case Wall:
		return recordWall(ctx, seconds)
	case Trace:
		return recordTrace(ctx, seconds)
	case Block, Mutex:
		defer contention(req.Kind)()
		return between(ctx, req.Kind, seconds)
	case Allocs:
		if seconds > 0 {
			return between(ctx, req.Kind, seconds)
		}
	case Goroutine:
		if n := runtime.NumGoroutine(); n > maxStackGoroutines {
			return nil, fmt.Errorf("capture: %d goroutines are too many to read their stacks (at most %d)", n, maxStackGoroutines)
		}
	}
	return lookup(req.Kind)
}

// contention turns the profile on and returns what turns it off. The runtime does not tell the rate
// of the block profile that was set before.
func contention(kind string) (restore func()) {
	if kind == Mutex {
		before := runtime.SetMutexProfileFraction(mutexFraction)
		return func() { runtime.SetMutexProfileFraction(before) }
	}
	runtime.SetBlockProfileRate(blockRate)
	return func() { runtime.SetBlockProfileRate(0) }
}

// lookup reads one of the runtime's profiles as it is now.
func lookup(kind string) ([]byte, error) {
	var buf bytes.Buffer
	if err := pprof.Lookup(kind).WriteTo(&limitedWriter{w: &buf}, 0); err != nil {
		return nil, fmt.Errorf("capture: read the %s profile: %w", kind, err)
	}
	return buf.Bytes(), nil
}

// between is what a cumulative profile gained in d.
func between(ctx context.Context, kind string, d time.Duration) ([]byte, error) {
	before, err := now(kind)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, d); err != nil {
		return nil, err
	}
	after, err := now(kind)
	if err != nil {
		return nil, err
	}
	before.Scale(-1)
	gained, err := profile.Merge([]*profile.Profile{before, after})
	if err != nil {
		return nil, fmt.Errorf("capture: subtract the %s profile from before: %w", kind, err)
	}
	gained.TimeNanos, gained.DurationNanos = after.TimeNanos, int64(d)
	return encode(gained)
}

func now(kind string) (*profile.Profile, error) {
	data, err := lookup(kind)
	if err != nil {
		return nil, err
	}
	return Parse(data)
}

func recordWall(ctx context.Context, d time.Duration) ([]byte, error) {
	if n := runtime.NumGoroutine(); n > maxWallGoroutines {
		return nil, fmt.Errorf("capture: %d goroutines are too many for a wall capture (at most %d); capture goroutine or trace",
			n, maxWallGoroutines)
	}
	var buf bytes.Buffer
	stop := fgprof.Start(&limitedWriter{w: &buf}, fgprof.FormatPprof)
	waitErr := pause(ctx, d)
	if err := errors.Join(waitErr, stop()); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func recordTrace(ctx context.Context, d time.Duration) ([]byte, error) {
	var buf bytes.Buffer
	out := &limitedWriter{w: &buf}
	if err := trace.Start(out); err != nil {
		return nil, fmt.Errorf("capture: another part of this process is recording a trace: %w", err)
	}
	err := pause(ctx, d)
	trace.Stop()
	if err = errors.Join(err, out.err); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func encode(p *profile.Profile) ([]byte, error) {
	var buf bytes.Buffer
	if err := p.Write(&limitedWriter{w: &buf}); err != nil {
		return nil, fmt.Errorf("capture: write the profile: %w", err)
	}
	return buf.Bytes(), nil
}

var errTooLarge = fmt.Errorf("capture: larger than %d MiB; capture fewer seconds", maxDataBytes>>20)

// limitedWriter fails once more than maxDataBytes were written.
type limitedWriter struct {
	w   io.Writer
	n   int64
	err error
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.err == nil && l.n+int64(len(p)) > maxDataBytes {
		l.err = errTooLarge
	}
	if l.err != nil {
		return 0, l.err
	}
	l.n += int64(len(p))
	return l.w.Write(p)
}
