package memory

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	sizes := map[string]int{"small": -1, "tiny": 3}
	err := Config{GCThreshold: 1.5, GCTarget: 1.1, LimitBytes: 5, HistorySize: -1, PoolSizes: sizes}.Validate()
	want := "memory.gc_threshold: must be between 0 and 1 (got 1.5)\n" +
		"memory.gc_target: must be between 0 and 0.95 (got 1.1)\n" +
		"memory.limit_bytes: must be 0 or at least 33554432 (got 5)\n" +
		"memory.history_size: must be between 0 and 100000 (got -1)\n" +
		"memory.pool_sizes.small: must be between 0 and 1000000 (got -1)\n" +
		"memory.pool_sizes.tiny: must be one of the pools small, medium, large"
	if err == nil || err.Error() != want {
		t.Errorf("Validate() = %v\nwant %s", err, want)
	}
	if _, err := New(Config{GCThreshold: math.NaN()}); err == nil {
		t.Error("New took a threshold that is not a number")
	}
	cfg := Config{PoolSizes: map[string]int{"large": 0}}
	full := Config{
		GCThreshold: 0.8, GCTarget: 0.9, HistorySize: 720,
		PoolSizes: map[string]int{"small": 1000, "medium": 500, "large": 0},
	}
	if diff := cmp.Diff(full, cfg.WithDefaults()); diff != "" || len(cfg.PoolSizes) != 1 {
		t.Errorf("WithDefaults: %s", diff)
	}
}

func TestStatsAreReal(t *testing.T) {
	m := newMonitor(t, Config{})
	ballast := make([]byte, 32<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	runtime.GC()
	s := m.Stats()
	runtime.KeepAlive(ballast)
	if len(s.Warnings) > 0 {
		t.Errorf("warnings: %q", s.Warnings)
	}
	for what, n := range map[string]int64{
		"heap live": s.Heap.LiveBytes, "heap objects": s.Heap.ObjectsBytes,
		"held": s.Heap.HeldBytes, "rss": s.Process.RSSBytes,
	} {
		if n < 32<<20 {
			t.Errorf("%s = %d bytes, less than the 32 MiB held", what, n)
		}
	}
	anon := s.Process.RSSAnonBytes
	if runtime.GOOS == "linux" && (anon < 32<<20 || anon > s.Process.RSSBytes) {
		t.Errorf("RssAnon = %d of RSS %d", anon, s.Process.RSSBytes)
	}
	h := s.Heap
	sum := h.ObjectsBytes + h.UnusedBytes + h.FreeBytes + h.StacksBytes + h.OverheadBytes
	if sum != h.HeldBytes || h.OverheadBytes <= 0 {
		t.Errorf("classes add up to %d, want %d; overhead %d", sum, h.HeldBytes, h.OverheadBytes)
	}
	if s.System.TotalBytes <= 0 || s.System.AvailableBytes > s.System.TotalBytes ||
		s.System.UsedPercent <= 0 || s.System.UsedPercent > 100 {
		t.Errorf("system %+v", s.System)
	}
	if s.LimitBytes <= 0 || s.UsedRatio <= 0 || s.LimitSource == "" {
		t.Errorf("limit %d from %q, used ratio %v", s.LimitBytes, s.LimitSource, s.UsedRatio)
	}
	if g := s.GC; g.Cycles == 0 || g.ForcedCycles == 0 || g.PauseTotalSeconds <= 0 || g.PauseP99Seconds <= 0 ||
		time.Since(g.LastGC) > time.Hour || g.GOGC == 0 || g.CPUFraction <= 0 || g.CPUFraction >= 1 {
		t.Errorf("gc %+v", g)
	}
	if s.Goroutines < 2 || s.LeakDetection.Enabled || s.Leaks == nil || len(s.Pools) != 3 {
		t.Errorf("goroutines %d, leak detection %v, leaks %v, pools %v",
			s.Goroutines, s.LeakDetection.Enabled, s.Leaks, s.Pools)
	}
}

func TestStatsFollowGoLimit(t *testing.T) {
	m := newMonitor(t, Config{GCThreshold: 0.5})
	limit := m.Stats().Heap.HeldBytes * 101 / 100
	old := debug.SetMemoryLimit(limit)
	defer debug.SetMemoryLimit(old)
	s := m.Stats()
	if s.GC.LimitBytes != limit || s.GoLimitBytes != limit ||
		s.LimitSource != SourceGo || s.LimitBytes != limit {
		t.Errorf("limit %d, from %s %d; want %d", s.GC.LimitBytes, s.LimitSource, s.LimitBytes, limit)
	}
	if s.UsedBytes != s.Heap.HeldBytes || s.UsedRatio < 0.5 {
		t.Errorf("used %d, ratio %v; held %d", s.UsedBytes, s.UsedRatio, s.Heap.HeldBytes)
	}
	r, err := m.Check(t.Context())
	if err != nil || r.Action == ActionNone || !strings.Contains(r.Reason, SourceGo) {
		t.Errorf("Check() = %+v, %v", r, err)
	}
}

func TestGCFreesGarbage(t *testing.T) {
	m := newMonitor(t, Config{})
	garbage := make([]byte, 64<<20)
	runtime.KeepAlive(garbage)
	garbage = nil
	_ = garbage
	r := m.GC(t.Context())
	// Another collection may have come between, but not for all: nothing here allocates.
	if !r.Ran || r.FreedBytes < 32<<20 || r.HeapBeforeBytes-r.HeapAfterBytes != r.FreedBytes || r.Duration <= 0 {
		t.Errorf("GC() = %+v", r)
	}
	if n := m.Stats().Collections; n != 1 {
		t.Errorf("%d collections counted, want 1", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := m.GC(ctx); r.Ran {
		t.Error("GC ran for a context that had ended")
	}
}

func TestCheckUnderTheThreshold(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{GCThreshold: 1})
	m.OnPressure(func(float64) { t.Error("a callback ran without pressure") })
	r, err := m.Check(t.Context())
	if err != nil || r.Action != ActionNone || r.GC != nil || !strings.Contains(r.Reason, "not over 100 %") {
		t.Errorf("Check() = %+v, %v", r, err)
	}
}

func TestCheckRelievesCachesFirstAndCollects(t *testing.T) {
	m := newMonitor(t, Config{GCThreshold: 1e-9})
	m.judge.collectorShare(readRuntime()) // what other tests collected is not this one's spiral
	buf, err := m.Pools().Get("large")
	if err != nil {
		t.Fatal(err)
	}
	m.Pools().Put(buf)
	var order []string
	// As much as a cache of a process under pressure: over 1 % of any machine's limit that
	// runs these tests is not sure, so the callbacks are what makes collecting worth it.
	cache := make([]byte, 16<<20)
	m.OnPressure(func(ratio float64) {
		if ratio <= 0 {
			t.Errorf("ratio %v", ratio)
		}
		order = append(order, "first")
		cache = nil
	})
	m.OnPressure(func(float64) { panic("a callback's fault") })
	m.OnPressure(func(float64) { order = append(order, "third") })
	runtime.GC()
	before := m.Stats().GC.ForcedCycles
	r, err := m.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(order, " ") != "first third" || r.Callbacks != 3 || r.CallbackPanics != 1 {
		t.Errorf("order %v, result %+v", order, r)
	}
	if r.Action != ActionCollect || r.GC == nil || r.GC.FreedBytes < 16<<20 ||
		r.PoolBytes != 1<<20 || r.Reason == "" {
		t.Errorf("result %+v, gc %+v", r, r.GC)
	}
	runtime.KeepAlive(cache)
	s := m.Stats()
	if s.GC.ForcedCycles == before || s.PressureChecks != 1 || s.PressurePanics != 1 || s.Checks != 1 {
		t.Errorf("stats %+v", s)
	}
	if s.LastCheck == nil || s.LastCheck.Reason != r.Reason {
		t.Errorf("last check %+v", s.LastCheck)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Check(ctx); err != context.Canceled { //nolint:errorlint // ctx.Err() as it is
		t.Errorf("err %v, want context.Canceled", err)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	use := usage{SourceCgroup, 450 * mb, 500 * mb}
	const garbage, little, held = 100 * mb, 3 * mb, 450 * mb
	for name, tc := range map[string]struct {
		c      caseFor
		help   bool
		reason string
	}{
		"garbage":          {caseFor{use: use, garbage: garbage, held: held}, true, "up to 100.0 MiB"},
		"unreturned pages": {caseFor{use: use, unreturned: garbage, held: held}, true, "up to 100.0 MiB"},
		"all live":         {caseFor{use: use, garbage: little, held: held}, false, "live objects"},
		"relieved":         {caseFor{use: use, garbage: little, held: held, relieved: true}, true, "just asked"},
		"spiral":           {caseFor{use: use, garbage: garbage, held: held, collector: 0.4}, false, "takes 40 %"},
		"small process on a full machine": {caseFor{
			use: usage{SourceSystem, 60 << 30, 64 << 30}, garbage: 20 * mb, held: 50 * mb,
		}, false, "at most 20.0 MiB"},
	} {
		help, reason := new(judge).canHelp(tc.c)
		if help != tc.help || !strings.Contains(reason, tc.reason) || !strings.HasPrefix(reason, "use is 9") {
			t.Errorf("%s: %v, %q; want %v with %q", name, help, reason, tc.help, tc.reason)
		}
	}
}

func TestJudgeBacksOff(t *testing.T) {
	t.Parallel()
	c := caseFor{use: usage{SourceGo, 90 << 20, 100 << 20}, garbage: 50 << 20, held: 90 << 20}
	var j judge
	var gaps []int
	for gap := 0; len(gaps) < 8; gap++ {
		if help, _ := j.canHelp(c); help {
			j.learn(c, GCResult{FreedBytes: 1})
			gaps, gap = append(gaps, gap), -1
		}
	}
	if diff := cmp.Diff([]int{0, 1, 2, 4, 8, 16, 32, 32}, gaps); diff != "" {
		t.Error(diff)
	}
	j.learn(c, GCResult{FreedBytes: 50 << 20})
	if help, _ := j.canHelp(c); !help {
		t.Error("a fruitful collection must end the wait")
	}
}

func TestCollectorShareIsSinceTheLastLook(t *testing.T) {
	t.Parallel()
	var j judge
	j.collectorShare(runtimeReading{gcCPU: 90, cpu: 100})
	if got := j.collectorShare(runtimeReading{gcCPU: 91, cpu: 110}); got != 0.1 {
		t.Errorf("share %v, want 0.1", got)
	}
	if got := j.collectorShare(runtimeReading{gcCPU: 91.9, cpu: 110.9}); got != 0 {
		t.Errorf("share of less than a second %v, want 0", got)
	}
}

func TestNearestLimit(t *testing.T) {
	t.Parallel()
	system := System{TotalBytes: 1000, AvailableBytes: 100}
	process, noAnon := Process{RSSBytes: 80, RSSAnonBytes: 60}, Process{RSSBytes: 80}
	for name, tc := range map[string]struct {
		host hostReading
		heap int64
		goal int64
		want usage
	}{
		"machine":            {hostReading{system, process, 0, nil, Pressure{}}, 50, 0, usage{SourceSystem, 900, 1000}},
		"container":          {hostReading{system, process, 200, nil, Pressure{}}, 50, 0, usage{SourceCgroup, 60, 200}},
		"container, no anon": {hostReading{system, noAnon, 200, nil, Pressure{}}, 0, 0, usage{SourceCgroup, 80, 200}},
		"gomemlimit nearer":  {hostReading{system, process, 200, nil, Pressure{}}, 50, 100, usage{SourceGo, 50, 100}},
		"container too wide": {hostReading{system, process, 2000, nil, Pressure{}}, 50, 0, usage{SourceSystem, 900, 1000}},
		"nothing known":      {hostReading{}, 50, 0, usage{}},
	} {
		r := runtimeReading{heap: Heap{HeldBytes: tc.heap}}
		if got := nearest(tc.host, r, limits{program: tc.goal}); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	if (usage{}).ratio() != 0 {
		t.Error("the ratio of an unknown limit must be 0")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var h history
	h.resize(3)
	var got [][]int
	look := func() {
		var row []int
		for _, s := range h.all() {
			row = append(row, s.Goroutines)
		}
		got = append(got, row)
	}
	for i := range 5 {
		h.add(Snapshot{Goroutines: i})
	}
	look()
	h.resize(2)
	look()
	h.add(Snapshot{Goroutines: 5})
	look()
	h.resize(4)
	for i := 6; i < 9; i++ {
		h.add(Snapshot{Goroutines: i})
	}
	look()
	if diff := cmp.Diff([][]int{{2, 3, 4}, {3, 4}, {4, 5}, {5, 6, 7, 8}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestApplyAndSample(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{})
	if err := m.Apply(Config{GCThreshold: -1}); err == nil {
		t.Error("Apply took an invalid configuration")
	}
	if err := m.Apply(Config{HistorySize: 2, PoolSizes: map[string]int{"small": 7}}); err != nil {
		t.Fatal(err)
	}
	if got := m.Stats().Pools["small"].Max; got != 7 {
		t.Errorf("small pool keeps %d, want 7", got)
	}
	for range 3 {
		if s := m.Sample(); s.HeldBytes <= 0 || s.RSSBytes <= 0 || s.Goroutines <= 0 || s.Time.IsZero() {
			t.Errorf("snapshot %+v", s)
		}
	}
	if n := len(m.History()); n != 2 {
		t.Errorf("%d snapshots kept, want 2", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{GCThreshold: 1e-9, HistorySize: 4})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 5 {
				if _, err := m.Check(context.Background()); err != nil {
					t.Error(err)
				}
				m.Stats()
				m.Sample()
				m.OnPressure(func(float64) {})
				if err := m.Apply(Config{GCThreshold: 1e-9, HistorySize: 3}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
