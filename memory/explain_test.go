package memory

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sumOf(r RSS) int64 {
	return r.HeapLiveBytes + r.HeapNewBytes + r.HeapFreeBytes + r.StacksBytes + r.RuntimeBytes +
		r.OffHeapBytes + r.FileBytes + r.SharedBytes
}

func TestExplainBlamesTheRightPart(t *testing.T) {
	t.Parallel()
	heap := Heap{LiveBytes: 10 * mib, ObjectsBytes: 20 * mib, FreeBytes: 5 * mib, UnusedBytes: mib, StacksBytes: mib, OverheadBytes: 3 * mib, HeldBytes: 30 * mib}
	live, idle, stacks := heap, heap, heap
	live.LiveBytes, live.ObjectsBytes, live.HeldBytes = 200*mib, 210*mib, 220*mib
	idle.FreeBytes, idle.HeldBytes = 300*mib, 325*mib
	stacks.StacksBytes, stacks.HeldBytes = 100*mib, 129*mib
	for name, tc := range map[string]struct {
		process Process
		heap    Heap
		want    string
	}{
		"live":      {Process{RSSBytes: 225 * mib, RSSAnonBytes: 220 * mib, RSSFileBytes: 5 * mib}, live, "live objects"},
		"idle":      {Process{RSSBytes: 330 * mib, RSSAnonBytes: 325 * mib, RSSFileBytes: 5 * mib}, idle, "free pages"},
		"untouched": {Process{RSSBytes: 60 * mib, RSSAnonBytes: 20 * mib, RSSFileBytes: 40 * mib}, idle, "mapped files"},
		"stacks":    {Process{RSSBytes: 134 * mib, RSSAnonBytes: 129 * mib, RSSFileBytes: 5 * mib}, stacks, "stacks"},
		"c":         {Process{RSSBytes: 235 * mib, RSSAnonBytes: 230 * mib, RSSFileBytes: 5 * mib}, heap, "outside of Go"},
		"shared":    {Process{RSSBytes: 90 * mib, RSSAnonBytes: 30 * mib, RSSSharedBytes: 60 * mib}, heap, "shared memory"},
	} {
		r := explain(tc.process, tc.heap)
		if !strings.Contains(r.Reason, tc.want) || sumOf(r) != tc.process.RSSBytes {
			t.Errorf("%s: parts of %d add up to %d: %+v", name, tc.process.RSSBytes, sumOf(r), r)
		}
	}
}

func TestExplainAddsUp(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	n := func() int64 { return rng.Int64N(1 << 32) }
	for range 5000 {
		h := Heap{LiveBytes: n(), ObjectsBytes: n(), FreeBytes: n(), UnusedBytes: n(), StacksBytes: n(), OverheadBytes: n()}
		h.HeldBytes = h.ObjectsBytes + h.FreeBytes + h.UnusedBytes + h.StacksBytes + h.OverheadBytes
		p := Process{RSSAnonBytes: 1 + n(), RSSFileBytes: n(), RSSSharedBytes: n()}
		p.RSSBytes = p.RSSAnonBytes + p.RSSFileBytes + p.RSSSharedBytes
		r := explain(p, h)
		if sumOf(r) != p.RSSBytes || min(r.HeapLiveBytes, r.HeapNewBytes, r.HeapFreeBytes, r.StacksBytes, r.RuntimeBytes, r.OffHeapBytes) < 0 {
			t.Fatalf("%+v of %+v, %+v", r, p, h)
		}
	}
}

func TestExplainThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells resident memory by kind")
	}
	s := newMonitor(t, Config{}).Stats()
	if off := sumOf(s.RSS) - s.Process.RSSBytes; off < -s.Process.RSSBytes/10 || off > s.Process.RSSBytes/10 {
		t.Errorf("parts add up to %d of %d: %+v", sumOf(s.RSS), s.Process.RSSBytes, s.RSS)
	}
	if s.Process.PeakBytes < s.Process.RSSBytes/2 || s.Process.RSSFileBytes <= 0 || s.RSS.Reason == "" {
		t.Errorf("process %+v, %q", s.Process, s.RSS.Reason)
	}
}

const pressureText = "some avg10=1.50 avg60=0.25 avg300=0.05 total=31415926\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=1000000\n"

func TestReadPressure(t *testing.T) {
	t.Parallel()
	want := Pressure{
		Some10: 1.5, Some60: 0.25, Some300: 0.05, SomeSeconds: 31.415926, Full10: 0.5, FullSeconds: 1,
	}
	write := func(root, path, text string) {
		t.Helper()
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	if got, err := readPressure(root); err != nil || got != (Pressure{}) {
		t.Errorf("a kernel without: %+v, %v", got, err)
	}
	write(root, "proc/pressure/memory", pressureText)
	want.Source = SourceSystem
	got, err := readPressure(root)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("system: %v %s", err, diff)
	}
	write(root, "proc/self/cgroup", "4:memory:/old\n0::/my/pod\n")
	write(root, "sys/fs/cgroup/my/pod/memory.pressure", pressureText)
	want.Source = SourceCgroup
	got, err = readPressure(root)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("cgroup: %v %s", err, diff)
	}
	write(root, "sys/fs/cgroup/my/pod/memory.pressure", "some avg10=x\n")
	if _, err := readPressure(root); err == nil {
		t.Error("took a malformed file")
	}
}

func TestParsePressureRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "some", "none avg10=1", "some avg10=", "some avg10=NaN", "some avg10=-1", "some avg10=101", "some total=Inf", "full avg60=1e999",
	} {
		if p, err := parsePressure(bad); err == nil {
			t.Errorf("parsePressure(%q) = %+v, no fault found", bad, p)
		}
	}
}

func FuzzParsePressure(f *testing.F) {
	f.Add(pressureText)
	f.Add("some avg10=0.00\nlater avg10=x\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePressure(text)
		if err == nil && (min(p.Some10, p.Some60, p.Some300, p.SomeSeconds, p.Full10, p.FullSeconds) < 0 ||
			max(p.Some10, p.Some60, p.Some300, p.Full10, p.Full60, p.Full300) > 100) {
			t.Errorf("parsePressure(%q) = %+v", text, p)
		}
	})
}
