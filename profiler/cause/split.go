package cause

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/exp/trace"
)

// Split is where the time of calls went; in JSON in nanoseconds.
type Split struct {
	Running   time.Duration `json:"running_ns"`
	Scheduler time.Duration `json:"scheduler_ns"` // ready, without a processor
	Lock      time.Duration `json:"lock_ns"`
	IO        time.Duration `json:"io_ns"` // network, files, system calls and timers
	Queue     time.Duration `json:"queue_ns"`
	GC        time.Duration `json:"gc_ns"`   // helping the collector, or waiting for it
	Join      time.Duration `json:"join_ns"` // waiting for goroutines of its own
}

// Total adds up all.
func (s Split) Total() time.Duration {
	return s.Running + s.Scheduler + s.Lock + s.IO + s.Queue + s.GC + s.Join
}

// state is what a goroutine does: a field of Split.
type state uint8

const (
	running state = iota
	scheduler
	lock
	io
	queue
	collector
	join
	gone
)

func (s *Split) add(what state, d time.Duration) {
	switch what {
	case running:
		s.Running += d
	case scheduler:
		s.Scheduler += d
	case lock:
		s.Lock += d
	case io:
		s.IO += d
	case queue:
		s.Queue += d
	case collector:
		s.GC += d
	case join:
		s.Join += d
	case gone:
	}
}

// stateOf translates a transition.
func stateOf(to trace.GoState, reason string, stack trace.Stack) state {
	switch to {
	case trace.GoRunning:
		return running
	case trace.GoRunnable:
		return scheduler
	case trace.GoSyscall:
		return io
	case trace.GoWaiting:
		return waitOf(reason, stack)
	default:
		return gone
	}
}

// waitOf tells what a goroutine waits for. The reasons are those of runtime/traceruntime.go.
func waitOf(reason string, stack trace.Stack) state {
	switch {
	case reason == "network", reason == "sleep":
		return io
	case strings.HasPrefix(reason, "GC "), strings.HasPrefix(reason, "wait until GC"):
		return collector
	}
	for f := range stack.Frames() {
		switch {
		case strings.HasPrefix(f.Func, "sync.(*WaitGroup).Wait"):
			return join
		case strings.HasPrefix(f.Func, "sync.(*Mutex)."), strings.HasPrefix(f.Func, "sync.(*RWMutex)."),
			strings.HasPrefix(f.Func, "sync.(*Once)."), strings.HasPrefix(f.Func, "internal/sync.(*Mutex)."):
			return lock
		case hasPrefix(f.Func, pools):
			return queue
		case hasPrefix(f.Func, outside):
			return io
		case !isStandard(f.Func): // whoever called it is not what it waits for
			return otherWait(reason)
		}
	}
	return otherWait(reason)
}

func otherWait(reason string) state {
	if reason == "sync" {
		return lock
	}
	return queue
}

// pools hand out connections: waiting in them is waiting for one, not on one.
var pools = []string{"database/sql.(*DB).conn", "github.com/jackc/puddle/"}

// outside are the packages that wait for what is outside of the process.
var outside = []string{
	"net.", "net/http.", "net/http/internal", "internal/poll.", "os.", "os/exec.", "crypto/tls.", "time.Sleep",
	"github.com/jackc/pgx/", "github.com/redis/", "google.golang.org/grpc",
}

func hasPrefix(function string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(function, p) })
}

// isStandard tells the functions of the standard library, whose packages have no domain in their path.
func isStandard(function string) bool {
	first, _, deeper := strings.Cut(function, "/")
	if !deeper {
		first, _, _ = strings.Cut(function, ".")
	}
	return !strings.Contains(first, ".") && first != "main"
}
