package capture

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:noinline
func burnForCapture(stop <-chan struct{}) int {
	n := 0
	for {
		select {
		case <-stop:
			return n
		default:
			for i := range 10_000 {
				n += i * i
			}
		}
	}
}

// busy burns a processor until the test ends.
func busy(tb testing.TB) {
	tb.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { burnForCapture(stop) })
	tb.Cleanup(func() { close(stop); wg.Wait() })
}

// Each kind is captured for real, and shows what was going on. It is the only test that records,
// and does not run beside others: a process has one CPU profiler and one tracer.
func TestEveryKind(t *testing.T) {
	r := open(t, Config{Manual: true})
	busy(t)
	var mu sync.Mutex
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 { // they wait for one another
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					mu.Lock()
					time.Sleep(time.Millisecond)
					mu.Unlock()
				}
			}
		})
	}
	defer func() { close(stop); wg.Wait() }()
	started := map[string]Started{}
	for _, kind := range Kinds() {
		started[kind] = start(t, r, Request{Kind: kind, Seconds: min(1, maxOf(kind))})
	}
	for kind, contains := range map[string]string{
		CPU: "burnForCapture", Wall: "burnForCapture", Goroutine: "burnForCapture", Heap: "", Allocs: "",
		Mutex: "Unlock", Block: "Lock",
	} {
		c := await(t, r, started[kind].ID)
		if c.State != Done || c.SizeBytes == 0 {
			t.Errorf("%s: %+v", kind, c)
			continue
		}
		_, p, err := r.Profile(c.ID)
		must(t, err)
		top, err := NewTop(p, "", 0)
		must(t, err)
		found := contains == ""
		for _, f := range top.Functions {
			found = found || strings.Contains(f.Name, contains)
		}
		if !found {
			t.Errorf("%s: no %s in %+v", kind, contains, top.Functions)
		}
	}
	c := await(t, r, started[Trace].ID)
	_, data, err := r.Data(c.ID)
	must(t, err)
	if check(Trace, data) != nil || !strings.HasSuffix(c.File(), ".trace") {
		t.Errorf("trace %+v begins with %q", c, data[:min(16, len(data))])
	}
	if _, _, err := r.Profile(c.ID); !errors.Is(err, ErrNoStacks) {
		t.Errorf("a trace as profile: %v", err)
	}
	sharedCPU(t, r)
	if s := r.Stats(); s.Taken != 8 || s.Kept != 8 || s.Failed != 0 || s.SizeBytes == 0 || s.Running != 0 {
		t.Errorf("stats %+v", s)
	}
}

// sharedCPU records two overlapping CPU profiles: both are whole.
func sharedCPU(t *testing.T, r *Recorder) {
	t.Helper()
	var wg sync.WaitGroup
	record := func(d time.Duration) {
		p, err := r.cpu.Record(t.Context(), d)
		if err != nil {
			t.Error(err)
			return
		}
		if got := time.Duration(p.DurationNanos); got < d*6/10 || len(p.Sample) == 0 {
			t.Errorf("%v of %v recorded, %d samples", got, d, len(p.Sample))
		}
	}
	wg.Go(func() { record(1500 * time.Millisecond) })
	wg.Go(func() { record(500 * time.Millisecond) })
	wg.Wait()
	if len(r.cpu.recordings) != 0 || r.cpu.buf != nil {
		t.Error("the profiler goes on when nobody records")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.cpu.Record(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r := open(t, Config{Manual: true, Targets: map[string]string{"search": "http://127.0.0.1:1"}})
	tests := []struct {
		req         Request
		field, text string
	}{
		{Request{Kind: "cpus"}, "kind", "must be one of cpu, wall, heap"},
		{Request{}, "kind", "must be one of"},
		{Request{Kind: CPU, Seconds: 301}, "seconds", "must be 1 to 300 for cpu (got 301)"},
		{Request{Kind: CPU, Seconds: -1}, "seconds", "must be 1 to 300"},
		{Request{Kind: Trace, Seconds: 31}, "seconds", "must be 1 to 30 for trace"},
		{Request{Kind: Heap, Seconds: 1}, "seconds", "a heap capture is of one instant"},
		{Request{Kind: CPU, Target: "http://127.0.0.1:1"}, "target", "must be a configured one, search"},
	}
	for _, tt := range tests {
		_, err := r.Start(tt.req)
		bad, ok := errors.AsType[*RequestError](err)
		if !ok || bad.Field != tt.field || !strings.Contains(bad.Fault, tt.text) {
			t.Errorf("%+v: %v", tt.req, err)
		}
	}
	if len(r.Captures()) != 0 {
		t.Error("a bad request left a capture")
	}
	if _, _, err := r.Data("../x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown id: %v", err)
	}
}

// Nothing runs before Run, so that everything waits.
func TestJoinedQueuedAndFull(t *testing.T) {
	t.Parallel()
	r, err := Open(t.TempDir(), Config{Manual: true}, Signals{})
	must(t, err)
	first := start(t, r, Request{Kind: Heap})
	if first.Joined || first.State != Queued || first.Reason != "on demand" {
		t.Errorf("first %+v", first)
	}
	if again := start(t, r, Request{Kind: Heap}); !again.Joined || again.ID != first.ID {
		t.Errorf("the same again: %+v", again)
	}
	ten := start(t, r, Request{Kind: Allocs, Seconds: 10})
	if s := start(t, r, Request{Kind: Allocs, Seconds: 5}); s.ID != ten.ID {
		t.Errorf("a shorter one did not join: %+v", s)
	}
	if s := start(t, r, Request{Kind: Allocs}); s.Joined {
		t.Errorf("since start joined a span: %+v", s)
	}
	for i := range maxWaiting - 3 {
		start(t, r, Request{Kind: CPU, Seconds: 1 + i})
	}
	if _, err := r.Start(Request{Kind: Wall}); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := r.Remove(first.ID); !errors.Is(err, ErrNotDone) {
		t.Errorf("removed while it waits: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	must(t, r.Run(ctx))
	for _, c := range r.Captures() {
		if c.State != Failed || c.Error == "" {
			t.Errorf("after the end: %+v", c)
		}
	}
	must(t, r.Close())
	must(t, r.Close())
}

func TestKeptWithinBounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := Open(dir, Config{Manual: true, MaxCaptures: 3}, Signals{})
	must(t, err)
	run(t, r)
	var ids []string
	for range 5 {
		c := await(t, r, start(t, r, Request{Kind: Heap}).ID)
		if c.State != Done {
			t.Fatalf("%+v", c)
		}
		ids = append(ids, c.ID)
	}
	if s := r.Stats(); s.Kept != 3 || s.Evicted != 2 || s.Taken != 5 {
		t.Errorf("stats %+v", s)
	}
	if _, _, err := r.Data(ids[0]); !errors.Is(err, ErrUnknown) {
		t.Errorf("the oldest stayed: %v", err)
	}
	must(t, r.Remove(ids[4]))
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != 4 {
		t.Errorf("files %v, want two captures of two files", files)
	}
	must(t, r.Apply(Config{Manual: true, MaxBytes: minMaxBytes}))
	r.finish(startQuietly(r, Heap), make([]byte, minMaxBytes+1), nil)
	if c := r.Captures()[0]; c.State != Failed || !strings.Contains(c.Error, "profiler.capture.max_bytes") {
		t.Errorf("larger than the bound: %+v", c)
	}
}

// startQuietly makes a capture that runs without anyone recording.
func startQuietly(r *Recorder, kind string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &Capture{ID: newID(kind, time.Now()), Kind: kind, State: Running}
	r.all = append(r.all, c)
	return c.ID
}

func TestCapturesSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := Open(dir, Config{Manual: true}, Signals{})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	want := await(t, r, start(t, r, Request{Kind: Goroutine}).ID)
	_, data, err := r.Data(want.ID)
	must(t, err)
	cancel()
	must(t, <-done)
	must(t, r.Close())

	// What a crash may leave, and what is somebody else's.
	lost := newID(Heap, time.Now())
	for _, name := range []string{lost + ".pb.gz", lost + ".json.part", "notes.txt"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(dir, newID(CPU, time.Now())+".json"), []byte("{"), 0o600))
	r, err = Open(dir, Config{Manual: true}, Signals{})
	must(t, err)
	run(t, r)
	list := r.Captures()
	if len(list) != 1 || list[0] != want {
		t.Fatalf("after the restart %+v, want %+v", list, want)
	}
	_, again, err := r.Data(want.ID)
	must(t, err)
	if !bytes.Equal(data, again) {
		t.Error("the data changed")
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != 3 {
		t.Errorf("files %v, want the capture's two and notes.txt", files)
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(file, Config{}, Signals{}); err == nil {
		t.Error("a file was opened as a directory")
	}
	_, err := Open(t.TempDir(), Config{
		MaxCaptures: -1, MaxBytes: 1, AutomaticInterval: time.Second, P99: -1, CPU: 80,
		Targets: map[string]string{
			"a": "ftp://x", "b": "http://user:secret@x", "c": "http://169.254.169.254", "d e": "http://x", "e": "http://[::ffff:169.254.169.254]:80",
		},
	}, Signals{})
	for _, key := range []string{"max_captures", "max_bytes", "automatic_interval", "p99", "cpu", "targets: a ", "targets: b ", "targets: c ", `"d e"`, "targets: e "} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("no fault of %s in %v", key, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("a password is shown: %v", err)
	}
}

func TestNilRecorder(t *testing.T) {
	t.Parallel()
	var r *Recorder
	if s := r.Stats(); s.Enabled || s.Targets == nil || len(r.Captures()) != 0 {
		t.Errorf("stats %+v", s)
	}
	if _, _, err := r.Profile("x"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	must(t, errors.Join(r.Apply(Config{}), r.Close()))
	if err := r.Remove("x"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	runtime.KeepAlive(r)
}
