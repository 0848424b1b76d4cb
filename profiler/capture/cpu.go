package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/google/pprof/profile"
)

// ErrCPUBusy is returned when somebody else in the process records a CPU profile, which only
// one can do at a time. Share one [CPUProfiler] instead.
var ErrCPUBusy = errors.New("capture: another part of this process is recording a CPU profile")

// CPUProfiler shares the one CPU profiler of a process among any number of recordings. The zero
// value is ready. Safe for concurrent use.
//
// At each begin and end of a recording the profile is cut, which loses up to 0.2 s of samples;
// nothing runs between recordings.
type CPUProfiler struct {
	mu         sync.Mutex // guards the fields below
	recordings map[*cpuRecording]struct{}
	buf        *bytes.Buffer
}

// cpuRecording is what one caller has so far.
type cpuRecording struct {
	parts []*profile.Profile
	err   error
	spans spans
}

// spans is told when samples begin and end to be taken.
type spans interface {
	began()
	ended()
}

type nobody struct{}

func (nobody) began() {}
func (nobody) ended() {}

// Record records for d, or until ctx ends, and then returns ctx's error.
func (c *CPUProfiler) Record(ctx context.Context, d time.Duration) (*profile.Profile, error) {
	return c.record(ctx, d, nobody{})
}

func (c *CPUProfiler) record(ctx context.Context, d time.Duration, tell spans) (*profile.Profile, error) {
	r := &cpuRecording{spans: tell}
	if err := c.join(r); err != nil {
		return nil, err
	}
	waitErr := pause(ctx, d)
	err := c.leave(r)
	if err := errors.Join(waitErr, err, r.err); err != nil {
		return nil, err
	}
	return profile.Merge(r.parts)
}

func (c *CPUProfiler) join(r *cpuRecording) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recordings) > 0 {
		c.cut()
	}
	if c.recordings == nil {
		c.recordings = map[*cpuRecording]struct{}{}
	}
	c.recordings[r] = struct{}{}
	if err := c.begin(); err != nil {
		delete(c.recordings, r)
		for other := range c.recordings { // the cut took it from under them
			other.err = err
		}
		return err
	}
	return nil
}

func (c *CPUProfiler) leave(r *cpuRecording) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut()
	delete(c.recordings, r)
	if len(c.recordings) == 0 {
		return nil
	}
	if err := c.begin(); err != nil {
		for other := range c.recordings {
			other.err = err
		}
	}
	return nil
}

// begin starts the runtime's profiler.
func (c *CPUProfiler) begin() error {
	buf := &bytes.Buffer{}
	if err := pprof.StartCPUProfile(buf); err != nil {
		return ErrCPUBusy // the only reason there is
	}
	c.buf = buf
	for r := range c.recordings {
		r.spans.began()
	}
	return nil
}

// cut stops it and gives what it has to everyone who records. When it could not be started
// after the last cut there is nothing to stop: it may be somebody else's.
func (c *CPUProfiler) cut() {
	if c.buf == nil {
		return
	}
	for r := range c.recordings {
		r.spans.ended()
	}
	pprof.StopCPUProfile()
	part, err := profile.ParseData(c.buf.Bytes())
	c.buf = nil
	for r := range c.recordings {
		if err != nil {
			r.err = fmt.Errorf("capture: read the CPU profile: %w", err)
			continue
		}
		r.parts = append(r.parts, part)
	}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("capture: stopped early: %w", context.Cause(ctx))
	}
}
