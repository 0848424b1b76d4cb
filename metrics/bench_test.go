package metrics

import (
	"fmt"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// machine300 is a gathering of 300 series.
func machine300(i int) []*dto.MetricFamily {
	families := make([]*dto.MetricFamily, 0, 300)
	for j := range 300 {
		families = append(families, gauge(fmt.Sprint("bench", j%10), float64(i*j%977), "n", fmt.Sprint(j)))
	}
	return families
}

func BenchmarkAppend300(b *testing.B) {
	s := openStore(b, b.TempDir(), Config{})
	families := machine300(1)
	at := origin()
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		if n, err := s.Append(b.Context(), at, families); n != 300 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// day is a store of 24 hours of what the overview shows, a gathering each minute.
func day(b *testing.B) *Store {
	b.Helper()
	s := openStore(b, b.TempDir(), Config{})
	for i := range 24 * 60 {
		appendAll(b, s, origin().Add(time.Duration(i)*time.Minute), 15, traffic(i)...)
	}
	return s
}

func BenchmarkSeedDayFirst(b *testing.B) {
	s := day(b)
	b.ReportAllocs()
	for b.Loop() {
		s.seeds.clear()
		if p, err := s.Seed(b.Context(), origin(), origin().Add(24*time.Hour), time.Minute); len(p) < 1400 || err != nil {
			b.Fatal(len(p), err)
		}
	}
}

func BenchmarkSeedDayAgain(b *testing.B) {
	s := day(b)
	b.ReportAllocs()
	for b.Loop() {
		if p, err := s.Seed(b.Context(), origin(), origin().Add(24*time.Hour), time.Minute); len(p) < 1400 || err != nil {
			b.Fatal(len(p), err)
		}
	}
}

func BenchmarkSystemRead(b *testing.B) {
	c := NewSystemCollector()
	b.ReportAllocs()
	for b.Loop() {
		c.at = time.Time{}
		c.read()
	}
}
