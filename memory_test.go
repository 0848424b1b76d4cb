package upshift_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/internal/conf"
)

// Under pressure caches shrink, soon and without a request: the whole way from the limit to
// the entries.
func TestCachesShrinkUnderPressure(t *testing.T) {
	cfg := testConfig(t)
	cfg.Memory.LimitBytes, cfg.Memory.GCThreshold = 32<<20, 0.01
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cache.Named(m.Cache, "answers", cache.Options[string]{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := answers.Set(fmt.Sprint(i), "an answer", cache.EntryOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for m.Cache.Stats().Caches["answers"].EvictionsByCause["pressure"] == 0 || m.Memory.Stats().LastCheck == nil {
		if time.Now().After(deadline) {
			t.Fatalf("no entry was let go: %+v", m.Memory.Stats().LastCheck)
		}
		<-time.After(50 * time.Millisecond)
	}
	if c := m.Memory.Stats().LastCheck; c == nil || c.Callbacks != 1 || c.CallbackPanics != 0 {
		t.Errorf("last check %+v", c)
	}
}

// The tuner is on in a process of upshift's own and off where upshift is a library.
func TestTunerIsOnInOwnProcessOnly(t *testing.T) {
	t.Parallel()
	if upshift.DefaultConfig().Memory.GCTuner {
		t.Error("the default of the library tunes somebody else's process")
	}
	own, _, err := upshift.Load(conf.Sources{Env: []string{home}})
	if err != nil {
		t.Fatal(err)
	}
	if m := own.Memory; !m.GCTuner || m.GCTarget >= m.GCThreshold || 100*m.GCTarget >= own.Thresholds.MemoryUsagePercent {
		t.Errorf("own process: %+v; garbage must set off neither relief nor alert", m)
	}
	off, _, err := upshift.Load(conf.Sources{Env: []string{home, "PERFORMANCE_MEMORY_GC_TUNER=false"}})
	if err != nil || off.Memory.GCTuner {
		t.Errorf("switched off: %v, %v", off.Memory.GCTuner, err)
	}
}
