package capture

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// The states of a [Capture].
const (
	Queued  = "queued"
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

// Errors that callers tell apart.
var (
	ErrUnknown  = errors.New("capture: no such capture")
	ErrNotDone  = errors.New("capture: the capture has not ended")
	ErrFailed   = errors.New("capture: the capture failed")
	ErrNoStacks = errors.New("capture: an execution trace is no profile; download it for go tool trace")
	ErrFull     = errors.New("capture: too many captures are waiting")
)

// Capture describes one capture.
type Capture struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"cpu,wall,heap,allocs,goroutine,block,mutex,trace"`
	// Target is the other service it is of; empty for this process.
	Target string `json:"target,omitempty"`
	State  string `json:"state" enum:"queued,running,done,failed"`
	// Seconds is how long it records; 0 for what is of one instant or since start.
	Seconds int `json:"seconds"`
	// Automatic tells that nobody asked for it, Reason why it was taken.
	Automatic bool      `json:"automatic"`
	Reason    string    `json:"reason"`
	Created   time.Time `json:"created"`
	Started   time.Time `json:"started,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
	SizeBytes int64     `json:"size_bytes"`
	// Error says why it failed.
	Error string `json:"error,omitempty"`
}

// File is the name under which it is downloaded.
func (c Capture) File() string {
	if c.Kind == Trace {
		return c.ID + ".trace"
	}
	return c.ID + ".pb.gz"
}

func (c Capture) ended() bool { return c.State == Done || c.State == Failed }

// lane is what at most one capture runs of at a time.
type lane struct{ kind, target string }

func (c Capture) lane() lane { return lane{c.Kind, c.Target} }

// Started is what became of a [Request].
type Started struct {
	Capture
	// Joined tells that the same capture, as long or longer, was under way already, and is it.
	Joined bool `json:"joined"`
}

// Stats describes a [Recorder]. Counts are since start.
type Stats struct {
	Enabled bool `json:"enabled"`
	// Kept captures take SizeBytes of MaxBytes on disk.
	Kept      int   `json:"kept"`
	SizeBytes int64 `json:"size_bytes"`
	MaxBytes  int64 `json:"max_bytes"`
	Running   int   `json:"running"`
	Queued    int   `json:"queued"`
	// Taken and Failed have ended; Evicted made room for newer ones.
	Taken   uint64 `json:"taken"`
	Failed  uint64 `json:"failed"`
	Evicted uint64 `json:"evicted"`
	// Automatic were taken for a surge, RateLimited were not because one was lately, and
	// Suppressed because memory was nearly used up.
	Automatic   uint64 `json:"automatic"`
	RateLimited uint64 `json:"rate_limited"`
	Suppressed  uint64 `json:"suppressed"`
	// Attributions are the measurements of what calls take of a processor and allocate. Of them
	// AttributionsFailed gave no processor time, because somebody else recorded a CPU profile.
	Attributions       uint64 `json:"attributions"`
	AttributionsFailed uint64 `json:"attributions_failed"`
	// Targets are the names of other services that may be captured.
	Targets []string `json:"targets"`
}

func newID(kind string, at time.Time) string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return at.UTC().Format("20060102T150405") + "-" + kind + "-" + hex.EncodeToString(b[:])
}
