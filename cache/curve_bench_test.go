package cache

import (
	"testing"
	"time"
)

// BenchmarkCurve is what following a lookup costs: "followed" is one of them, "hit" is what a hit
// costs with the sample that is left at full speed, "without" with none.
func BenchmarkCurve(b *testing.B) {
	b.Run("followed", func(b *testing.B) {
		v := newCurve(newClock(), func() (hits, misses uint64) { return 0, 0 })
		v.resize(limits{maxEntries: 1000, maxBytes: maxBytes}, 1)
		keys := zipf(1, 1<<20, 1)
		entries := make([]*entry, 50_000)
		for i := range entries {
			entries[i] = &entry{node: node{hash: v.hash(string(rune(i))), bytes: 300, saves: 1}, life: life{stale: int64(time.Hour)}}
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			v.pace.left = ratePeriod // all of them, however fast
			e := entries[keys[i%len(keys)]]
			v.lookup("", e)
			i++
		}
	})
	for name, below := range map[string]uint64{"hit": allHashes, "without": 0} {
		b.Run(name, func(b *testing.B) {
			c, keys := benchCache(b)
			c.store.curve.followed.Store(below)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Get(keys[i%benchKeys])
				i++
			}
			b.ReportMetric(float64(c.store.curve.followed.Load())/allHashes, "sample")
		})
	}
}
