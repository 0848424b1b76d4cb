package capture

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of a capture.
const (
	// CPU is where processor time went, at 100 samples a second.
	CPU = "cpu"
	// Wall is where time went, running or not, at 99 samples a second of every goroutine.
	Wall = "wall"
	// Heap is what is allocated and still in use, as of the last collection.
	Heap = "heap"
	// Allocs is what was allocated: within the seconds asked for, or since start without any.
	Allocs = "allocs"
	// Goroutine is every goroutine's stack.
	Goroutine = "goroutine"
	// Block is where goroutines waited for channels, selects and locks.
	Block = "block"
	// Mutex is who held the locks that others waited for.
	Mutex = "mutex"
	// Trace is an execution trace; go tool trace reads it.
	Trace = "trace"
)

// Kinds lists every kind.
func Kinds() []string { return []string{CPU, Wall, Heap, Allocs, Goroutine, Block, Mutex, Trace} }

const (
	defaultSeconds  = 10
	maxSeconds      = 300
	maxTraceSeconds = 30
)

// Request asks for a capture.
type Request struct {
	// Kind is one of [Kinds].
	Kind string
	// Seconds is how long to record: 1 to 300, a trace 30. Zero means 10, and for allocs since
	// start. A heap or goroutine capture is of one instant and takes none.
	Seconds int
	// Target is the name of another service out of [Config.Targets]; empty is this process.
	Target string
}

// RequestError is a fault of a [Request].
type RequestError struct {
	// Field is kind, seconds or target.
	Field string
	// Fault says what is wrong and what would be right.
	Fault string
}

func (e *RequestError) Error() string { return "capture: " + e.Field + ": " + e.Fault }

// complete checks r and fills in the default.
func (r Request) complete(targets map[string]string) (Request, error) {
	if !slices.Contains(Kinds(), r.Kind) {
		return r, &RequestError{"kind", fmt.Sprintf("must be one of %s (got %q)", strings.Join(Kinds(), ", "), clip(r.Kind))}
	}
	if _, known := targets[r.Target]; r.Target != "" && !known {
		names := strings.Join(sortedKeys(targets), ", ")
		if names == "" {
			names = "none is configured: see profiler.capture.targets"
		}
		return r, &RequestError{"target", fmt.Sprintf("must be a configured one, %s (got %q)", names, clip(r.Target))}
	}
	switch most := maxOf(r.Kind); {
	case most == 0 && r.Seconds != 0:
		return r, &RequestError{"seconds", "must be left out: a " + r.Kind + " capture is of one instant"}
	case r.Seconds < 0 || r.Seconds > most:
		return r, &RequestError{"seconds", fmt.Sprintf("must be 1 to %d for %s (got %d)", most, r.Kind, r.Seconds)}
	case r.Seconds == 0 && most > 0 && r.Kind != Allocs:
		r.Seconds = defaultSeconds
	}
	return r, nil
}

// maxOf is the most seconds of a kind, 0 for those of one instant.
func maxOf(kind string) int {
	switch kind {
	case Heap, Goroutine:
		return 0
	case Trace:
		return maxTraceSeconds
	default:
		return maxSeconds
	}
}

func clip(s string) string { return s[:min(len(s), 64)] }
