package load

import (
	"context"
	"runtime"
	"syscall"
	"time"
)

// prSetTimerSlack is PR_SET_TIMERSLACK of prctl(2).
const prSetTimerSlack = 29

// clock wakes at given times to within some ten microseconds, where the runtime's timers
// are a millisecond coarse while a process is idle: a thread of its own sleeps in the
// kernel with the least slack.
type clock struct{ start time.Time }

// newClock starts now. It belongs to the calling goroutine, which must call release.
func newClock() (*clock, error) {
	runtime.LockOSThread()
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0); errno != 0 {
		runtime.UnlockOSThread()
		return nil, errno
	}
	return &clock{start: time.Now()}, nil
}

func (c *clock) release() {
	_, _, _ = syscall.Syscall(syscall.SYS_PRCTL, prSetTimerSlack, 0, 0) // 0 is the default again
	runtime.UnlockOSThread()
}

// waitUntil sleeps until at after the start, at once when that has passed. It reports
// false when ctx ended first.
func (c *clock) waitUntil(ctx context.Context, at time.Duration) bool {
	for ctx.Err() == nil {
		left := at - time.Since(c.start)
		if left <= 0 {
			return true
		}
		ts := syscall.NsecToTimespec(int64(min(left, maxSleep)))
		_ = syscall.Nanosleep(&ts, nil) // a signal ends it early: then it sleeps again
	}
	return false
}

// maxSleep is how late the end of a context may be seen.
const maxSleep = 50 * time.Millisecond
