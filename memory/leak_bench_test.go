package memory

import (
	"testing"
	"time"
)

// BenchmarkLeakSample is what one look at the heap and all goroutines costs.
func BenchmarkLeakSample(b *testing.B) {
	var r SiteReader
	var d LeakDetector
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		r.heap = false // as after a collection
		now = now.Add(slotWidth)
		d.Observe(r.Read(now))
	}
}
