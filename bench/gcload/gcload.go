package gcload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/memory"
)

// Options say what to do.
type Options struct {
	// LiveBytes stay in use, WorkBytes are allocated in all.
	LiveBytes int64
	WorkBytes int64
	// LimitBytes is the limit that the tuner keeps; GOGC and GOMEMLIMIT of a fixed policy
	// come from the environment.
	LimitBytes int64
	// Tuned puts memory.Monitor's tuner in force.
	Tuned bool
}

// Result is what the work took.
type Result struct {
	CPUSeconds  float64 `json:"cpu_seconds"` // user and system, of the whole process
	WallSeconds float64 `json:"wall_seconds"`
	PeakBytes   int64   `json:"peak_bytes"` // most resident memory: VmHWM
	Collections uint64  `json:"collections"`
	Alarm       string  `json:"alarm"`
}

// parse reads live, work and limit in bytes and "tuned" or "fixed".
func parse(args []string) (Options, error) {
	if len(args) != 4 {
		return Options{}, fmt.Errorf("want live, work and limit in bytes and tuned or fixed (got %q)", args)
	}
	var o Options
	for i, into := range []*int64{&o.LiveBytes, &o.WorkBytes, &o.LimitBytes} {
		n, err := strconv.ParseInt(args[i], 10, 64)
		if err != nil || n <= 0 {
			return Options{}, fmt.Errorf("%q is not a number of bytes", args[i])
		}
		*into = n
	}
	o.Tuned = args[3] == "tuned"
	return o, nil
}

// node takes 32 bytes; a tree of 255 is one piece of work.
type node struct {
	left, right *node
	payload     [2]uint64
}

const (
	nodeBytes = 32
	depth     = 8
	treeBytes = nodeBytes * (1<<depth - 1)
	workers   = 2
	// bufferBytes of short-lived buffer come with each tree, as requests have them.
	bufferBytes = 8 << 10
)

func grow(depth int, x uint64) *node {
	if depth == 0 {
		return nil
	}
	n := &node{left: grow(depth-1, x*3), right: grow(depth-1, x*5)}
	for i := range n.payload {
		x ^= x << 13
		x ^= x >> 7
		n.payload[i] = x
	}
	return n
}

// Run does the work that the arguments say, live, work and limit in bytes and tuned or fixed,
// and writes its Result as a line of JSON.
func Run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	monitor, err := memory.New(memory.Config{GCTuner: o.Tuned, LimitBytes: o.LimitBytes})
	if err != nil {
		return err
	}
	var watching sync.WaitGroup
	if o.Tuned {
		watching.Go(func() { err = monitor.Run(ctx) })
	}
	start := time.Now()
	work(o)
	wall := time.Since(start)
	alarm := monitor.Stats().Tuner.Alarm
	cancel()
	watching.Wait()
	if err != nil {
		return err
	}
	r := Result{WallSeconds: wall.Seconds(), Collections: collections(), Alarm: alarm}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	r.CPUSeconds = time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	if r.PeakBytes, err = peak(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// work fills what stays in use and then replaces it, tree by tree.
func work(o Options) {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			kept := make([]*node, max(o.LiveBytes/treeBytes/workers, 1))
			x, buffer := uint64(w+1), []byte(nil)
			for i := range o.WorkBytes / (treeBytes + bufferBytes) / workers {
				x = x*6364136223846793005 + 1442695040888963407
				kept[int(i)%len(kept)] = grow(depth, x)
				buffer = make([]byte, bufferBytes)
			}
			runtime.KeepAlive(buffer)
			runtime.KeepAlive(kept)
		})
	}
	all.Wait()
}

func collections() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// peak reads VmHWM of this process.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
