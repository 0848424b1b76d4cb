package profiler

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

// liveHeap collects garbage and returns the bytes of what is left.
func liveHeap() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A hundred thousand names, each with durations over two orders of magnitude and a full
// recent window, must take no more than 8 MB.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const names = 100_000
		before := liveHeap()
		p := newProfiler(t, Config{Threshold: time.Hour})
		for i := range names {
			p.Start(fmt.Sprint("tenant-", i)).End(nil)
		}
		for range maxMarks + 1 {
			time.Sleep(time.Duration(markEvery))
			for i := range DefaultMaxFunctions {
				fn := p.lookup(fmt.Sprint("tenant-", i))
				for d := int64(time.Millisecond); d < int64(100*time.Millisecond); d += d / 2 {
					fn.record(d, p.now(), 1)
				}
			}
		}
		after := liveHeap()
		s := p.Stats()
		if s.Functions != DefaultMaxFunctions+1 || s.Overflowed != names-DefaultMaxFunctions {
			t.Errorf("%d functions, %d calls overflowed", s.Functions, s.Overflowed)
		}
		grown := int64(after) - int64(before)
		t.Logf("%d functions take %.1f MB", s.Functions, float64(grown)/1e6)
		if grown > 8e6 {
			t.Errorf("the profiler took %d bytes, want at most 8 MB", grown)
		}
		runtime.KeepAlive(p)
	})
}
