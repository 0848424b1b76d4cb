package leakload

import (
	"math"
	"math/rand/v2"
)

// makers allocate, each at a place of its own: the profile tells them apart by line.
var makers = []func(n int) []byte{
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
	func(n int) []byte { return make([]byte, n) },
}

const mib = 1 << 20

// place keeps objects of one size.
type place struct {
	kind  string
	leak  float64 // MiB a minute truly leaked; 0 for a clean place
	size  int
	churn float64                      // share of its objects replaced in a step
	want  func(minute float64) float64 // MiB to keep
	kept  [][]byte
	next  int // to be replaced
}

// places are three leaks and twenty clean ones, with sizes, periods and phases drawn anew.
func places(seed uint64) []*place {
	rng := rand.New(rand.NewPCG(seed, 7))
	between := func(a, b float64) float64 { return a + (b-a)*rng.Float64() }
	var all []*place
	add := func(kind string, leak float64, size int, churn float64, want func(float64) float64) {
		all = append(all, &place{kind: kind, leak: leak, size: size, churn: churn, want: want})
	}
	add("alone", 1, 512, 0, func(m float64) float64 { return m })
	live := between(5, 20)
	add("in churn", 0.8, 1024, 0.2, func(m float64) float64 { return live + 0.8*m })
	add("slow", 0.5, 4096, 0, func(m float64) float64 { return 0.5 * m })
	size := func() int { return 1 << (8 + rng.IntN(5)) }
	for range 5 {
		bound, fill := between(4, 30), between(0.5, 8)
		add("lru", 0, size(), between(0.01, 0.3), func(m float64) float64 { return bound * min(m/fill, 1) })
		base, swing, period, phase := between(2, 10), between(2, 20), between(5, 25), between(0, 2*math.Pi)
		add("seasonal", 0, size(), 0, func(m float64) float64 { return base + swing*(1+math.Sin(2*math.Pi*m/period+phase))/2 })
	}
	for range 4 {
		top, period, phase := between(4, 30), between(2, 14), between(0, 14)
		add("sawtooth", 0, size(), 0, func(m float64) float64 { return top * math.Mod(m+phase, period) / period })
	}
	for range 3 {
		top, tau := between(5, 30), between(3, 9)
		add("warm-up", 0, size(), 0, func(m float64) float64 { return top * (1 - math.Exp(-m/tau)) })
	}
	for range 2 {
		low, high := between(2, 10), between(15, 30)
		at, stride := between(low, high), between(0.2, 1)
		add("walk", 0, size(), 0, func(float64) float64 {
			at = min(max(at+stride*rng.NormFloat64(), low), high)
			return at
		})
	}
	when, height := between(5, 50), between(5, 30)
	add("step", 0, size(), 0, func(m float64) float64 {
		if m < when {
			return 3
		}
		return 3 + height
	})
	return all
}

// step brings a place to the time.
func (p *place) step(maker func(int) []byte, minute float64) {
	target := max(int(p.want(minute)*mib)/p.size, 0)
	for range int(p.churn * float64(len(p.kept))) {
		p.next = (p.next + 1) % len(p.kept)
		p.kept[p.next] = maker(p.size)
	}
	for len(p.kept) > target {
		p.kept[len(p.kept)-1] = nil
		p.kept = p.kept[:len(p.kept)-1]
	}
	for len(p.kept) < target {
		p.kept = append(p.kept, maker(p.size))
	}
}
