package memory

import (
	"math"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTuningPolicy(t *testing.T) {
	t.Parallel()
	const limit = 512 * mib
	for name, tc := range map[string]struct {
		in    tuneInput
		state string
		gogc  int
		soft  int64
	}{
		"1:8":  {tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 64 * mib}, TunerFar, 619, 483183820},
		"1:3":  {tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 160 * mib}, TunerFar, 187, 483183820},
		"tiny": {tuneInput{limit: limit, source: SourceConfig, target: 0.9, live: 2 * mib}, TunerFar, mostGOGC, 483183820},
		"before the first collection": {
			tuneInput{limit: limit, source: SourceConfig, target: 0.9}, TunerFar, mostGOGC, 483183820,
		},
		"more than half": {
			tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 300 * mib}, TunerFar, leastGOGC, 483183820,
		},
		"near": {tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 400 * mib}, TunerNear, leastGOGC, 483183820},
		"stays near for a while": {
			tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 335 * mib, state: TunerNear},
			TunerNear, leastGOGC, 483183820,
		},
		"spiral": {
			tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 440 * mib, collector: 0.3},
			TunerFull, leastGOGC, 483183820,
		},
		"GOMEMLIMIT is kept": {
			tuneInput{limit: limit, source: SourceCgroup, soft: 200 * mib, target: 0.9, live: 180 * mib, collector: 0.4},
			TunerFull, leastGOGC, 200 * mib,
		},
		"GOMEMLIMIT alone": {
			tuneInput{limit: limit, source: SourceGo, soft: limit, target: 0.9, live: 64 * mib}, TunerFar, 700, limit,
		},
		"memory of C counts": {
			tuneInput{limit: limit, source: SourceCgroup, target: 0.9, live: 64 * mib, other: 200 * mib},
			TunerFar, 307, 483183820 - 200*mib,
		},
		"no limit": {tuneInput{target: 0.9, live: 64 * mib}, TunerNoLimit, 0, 0},
	} {
		got := decide(tc.in)
		if got.state != tc.state || got.gogc != tc.gogc || got.soft != tc.soft || got.reason == "" {
			t.Errorf("%s: %+v, want %s, GOGC %d, soft limit %d", name, got, tc.state, tc.gogc, tc.soft)
		}
		if alarmed := got.alarm != ""; alarmed != (tc.state == TunerNear || tc.state == TunerFull) {
			t.Errorf("%s: alarm %q", name, got.alarm)
		}
	}
}

// Whatever comes in, the limits are kept and GOGC stays within its bounds.
func TestTuningIsBounded(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		limit := leastLimit + rng.Int64N(1<<36)
		in := tuneInput{
			limit: limit, source: []string{SourceCgroup, SourceConfig}[rng.IntN(2)],
			target: 0.95 * rng.Float64(), live: rng.Int64N(2 * limit), overhead: rng.Int64N(limit), collector: rng.Float64(),
			state: []string{"", TunerFar, TunerNear, TunerFull}[rng.IntN(4)],
		}
		if rng.IntN(2) == 0 {
			in.soft = leastLimit + rng.Int64N(1<<36)
		}
		got := decide(in)
		if got.gogc < leastGOGC || got.gogc > mostGOGC || got.soft > limit || got.soft < leastBudget ||
			in.soft > 0 && got.soft > in.soft {
			t.Fatalf("%+v: %+v", in, got)
		}
	}
}

func TestTuningChangesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	base := tuning{state: TunerFar, gogc: 200, soft: 100 * mib}
	for _, tc := range []struct {
		next tuning
		want bool
	}{
		{base, false},
		{tuning{state: TunerFar, gogc: 210, soft: 101 * mib}, false},
		{tuning{state: TunerFar, gogc: 250, soft: 100 * mib}, true},
		{tuning{state: TunerFar, gogc: 200, soft: 90 * mib}, true},
		{tuning{state: TunerNear, gogc: 200, soft: 100 * mib}, true},
	} {
		if got := tc.next.differs(base); got != tc.want {
			t.Errorf("%+v differs from %+v: %v", tc.next, base, got)
		}
	}
}

func TestTunerSetsAndPutsBack(t *testing.T) {
	gogc, soft := debug.SetGCPercent(150), debug.SetMemoryLimit(math.MaxInt64)
	defer func() { debug.SetGCPercent(gogc); debug.SetMemoryLimit(soft) }()
	const limit = 4 << 30
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(t, Config{GCTuner: true, LimitBytes: limit})
		go func() {
			if err := m.Run(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		s := m.Stats()
		if s.Tuner.State != TunerFar || s.GC.GOGC != mostGOGC || s.GC.LimitBytes < limit/2 || s.GC.LimitBytes > limit*9/10 {
			t.Errorf("tuner %+v, gc %+v", s.Tuner, s.GC)
		}
		if s.GoLimitBytes != 0 || s.LimitBytes != limit && s.LimitSource == SourceConfig {
			t.Errorf("limits %d, %d from %s", s.GoLimitBytes, s.LimitBytes, s.LimitSource)
		}
		c := s.Tuner.Changes
		if len(c) == 0 || c[0].GOGC != mostGOGC || !strings.Contains(c[0].Reason, "config limit") || s.Tuner.ChangeCount != uint64(len(c)) {
			t.Errorf("changes %+v", c)
		}
		if err := m.Apply(Config{LimitBytes: limit}); err != nil {
			t.Fatal(err)
		}
		s = m.Stats()
		if s.Tuner.Enabled || s.Tuner.State != TunerOff || s.GC.GOGC != 150 || s.GC.LimitBytes != 0 {
			t.Errorf("switched off: tuner %+v, gc %+v", s.Tuner, s.GC)
		}
		if err := m.Apply(Config{LimitBytes: limit, GCTuner: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
	})
	// The end of Run puts back what was there before.
	if got := newMonitor(t, Config{}).Stats().GC; got.GOGC != 150 || got.LimitBytes != 0 {
		t.Errorf("after Run: %+v", got)
	}
}

func TestTunerKeepsABoundedRecord(t *testing.T) {
	gogc, soft := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	defer func() { debug.SetGCPercent(gogc); debug.SetMemoryLimit(soft) }()
	var u tuner
	u.turn(true, time.Now())
	for i := range 3 * keptChanges {
		in := tuneInput{limit: 8 << 30, source: SourceCgroup, target: 0.5 + 0.4*float64(i%2), live: 64 * mib}
		u.tune(in, readRuntime(), time.Unix(int64(i), 0))
	}
	s := u.stats()
	if len(s.Changes) != keptChanges || s.ChangeCount != 3*keptChanges || s.Changes[0].Time.Unix() != 2*keptChanges {
		t.Errorf("%d changes kept of %d", len(s.Changes), s.ChangeCount)
	}
	u.turn(false, time.Now())
	if got := readRuntime().gc; got.GOGC != 100 || got.LimitBytes != 0 {
		t.Errorf("gc %+v, want what was there", got)
	}
}

// Garbage that the tuner lets stand is no reason to shrink caches; memory in use is.
func TestNeedLeavesGarbageOut(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{LimitBytes: 1000 * mib})
	r := runtimeReading{heap: Heap{ObjectsBytes: 700 * mib, LiveBytes: 200 * mib, FreeBytes: 50 * mib, HeldBytes: 800 * mib}}
	h := hostReading{process: Process{RSSAnonBytes: 900 * mib}}
	if got := m.need(h, r); got.used != 900*mib {
		t.Errorf("tuner off: %d MiB", got.used/mib)
	}
	m.tuner.on, m.tuner.began, m.tuner.now.state = true, true, TunerFar
	if got := m.need(h, r); got.used != 350*mib {
		t.Errorf("tuner on: %d MiB, want 350", got.used/mib)
	}
	if got := m.usage(h, r); got.used != 900*mib {
		t.Errorf("what is in use must stay as it is, got %d MiB", got.used/mib)
	}
}

func TestRunRelievesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(t, Config{GCThreshold: 0.001, LimitBytes: leastLimit})
		relieved := 0
		m.OnPressure(func(float64) { relieved++ })
		go func() { _ = m.Run(t.Context()) }()
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if source := m.Stats().LimitSource; source != SourceConfig || relieved < 2 || relieved > 4 {
			t.Errorf("asked %d times in 70 s for the %s limit, want about three", relieved, source)
		}
	})
}
