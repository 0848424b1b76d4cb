package memory

import "testing"

func BenchmarkStats(b *testing.B) {
	m := newMonitor(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		m.Stats()
	}
}

func BenchmarkReadRuntime(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readRuntime()
	}
}

func BenchmarkReadHost(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readHost()
	}
}

func BenchmarkBuffers(b *testing.B) {
	pools := newMonitor(b, Config{}).Pools()
	b.ReportAllocs()
	for b.Loop() {
		pools.Put(pools.GetSize(32 << 10))
	}
}

// BenchmarkMakeBuffer is what the pool is instead of.
func BenchmarkMakeBuffer(b *testing.B) {
	b.ReportAllocs()
	var sink []byte
	for b.Loop() {
		sink = make([]byte, 64<<10)
	}
	_ = sink
}

func TestBuffersAllocateNothing(t *testing.T) {
	pools := newMonitor(t, Config{}).Pools()
	pools.Put(pools.GetSize(100))
	if n := testing.AllocsPerRun(1000, func() { pools.Put(pools.GetSize(100)) }); n != 0 {
		t.Errorf("%v allocations a round trip, want 0", n)
	}
}
