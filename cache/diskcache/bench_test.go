package diskcache

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// fill stores so many values of a few hundred bytes, a batch at a time.
func fill(b *testing.B, tier *Tier, n int) {
	b.Helper()
	value := []byte(strings.Repeat("retrieval ", 30))
	for at := 0; at < n; at += 256 {
		ops := make([]cache.RemoteOp, 0, 256)
		for i := at; i < min(at+256, n); i++ {
			ops = append(ops, cache.RemoteOp{
				Kind: cache.RemoteStore, Key: "answers/" + strconv.Itoa(i), Value: value, Version: "0123456789abcdef", TTL: time.Hour,
			})
		}
		for _, err := range tier.Apply(context.Background(), ops) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkOpen is a restart: opening a directory of so many values that was not closed, as after
// kill -9. The bar for a million is one second, with 95 % of them found.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cfg := Config{Dir: b.TempDir(), MaxBytes: 1 << 30, MaxEntries: 2 << 20}
			tier, l := openTier(b, cfg)
			fill(b, tier, n)
			l.abandon() // neither synchronised nor written to its end
			for b.Loop() {
				_, l = openTier(b, cfg)
				l.abandon()
			}
			b.StopTimer()
			tier, l = openTier(b, cfg)
			found := 0
			for i := range n {
				if v, err := tier.Lookup(b.Context(), "answers/"+strconv.Itoa(i), nil); err == nil && v.Value != nil {
					found++
				}
			}
			l.abandon()
			b.ReportMetric(100*float64(found)/float64(n), "%found")
		})
	}
}

// BenchmarkLookup is a lookup that finds its value, in the page cache.
func BenchmarkLookup(b *testing.B) {
	tier, l := openTier(b, Config{Dir: b.TempDir(), MaxBytes: 1 << 30, MaxEntries: 1 << 20})
	defer l.abandon()
	const n = 100_000
	fill(b, tier, n)
	names := []string{"g", "n:answers"}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if v, err := tier.Lookup(b.Context(), "answers/"+strconv.Itoa(i*7919%n), names); err != nil || v.Value == nil {
			b.Fatal("not found", err)
		}
		i++
	}
}
