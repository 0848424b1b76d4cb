package trace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
)

// Zipf draws n accesses of keys whose frequency falls with the power s of their rank.
func Zipf(s float64, keys, n int, seed uint64) Trace {
	return dense(fmt.Sprintf("zipf-%.1f", s), ranks(s, keys, n, seed))
}

// ranks draws ranks, the most frequent being 0.
func ranks(s float64, keys, n int, seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, math.Float64bits(s)))
	sums, sum := make([]float64, keys), 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -s)
		sums[i] = sum
	}
	out := make([]int, n)
	for i := range out {
		out[i] = min(sort.SearchFloat64s(sums, r.Float64()*sum), keys-1)
	}
	return out
}

// Kinds are traces of n accesses that each are hard for some policy: scans through what is used, a
// popularity that shifts, recency without popularity, each key 1.5 times with the second soon after the
// first, a loop over more than fits beside popular keys, and phases that alternate.
func Kinds(n int, seed uint64) []Trace {
	r := rand.New(rand.NewPCG(seed, 5))
	scans, shift := ranks(1, 50_000, n, seed), ranks(1, 50_000, n, seed+1)
	popular := ranks(0.9, 20_000, n, seed+2)
	recent, twice, loops, phases := make([]int, n), make([]int, 0, n+1), make([]int, n), make([]int, n)
	for i := range n {
		if i%10_000 < 2_500 {
			scans[i] = 1_000_000 + i
		}
		shift[i] += i / 25_000 * 300
		recent[i] = i/4 - int(r.ExpFloat64()*300)
		loops[i] = i / 2 % 3_000
		if i%2 == 0 {
			loops[i] = 1_000_000 + popular[i]
		}
		if phases[i] = i % 1_500; i/60_000%2 == 1 {
			phases[i] = 1_000_000 + i/3 - r.IntN(600)
		}
	}
	for key := 0; len(twice) < n; key++ {
		twice = append(twice, key)
		if key > 400 && key%2 == 0 {
			twice = append(twice, key-2*r.IntN(200)-1)
		}
	}
	return []Trace{
		dense("scans", scans), dense("shift", shift), dense("recent", recent),
		dense("twice", twice[:n]), dense("loop+zipf", loops), dense("phases", phases),
	}
}

// Mix is traffic of answers that have a size and a price each.
type Mix struct {
	Trace
	// Bytes and Prices are by key.
	Bytes  []int64
	Prices []float64
	// Total is the bytes of all.
	Total int64
}

// LLM draws n requests for answers of a language model: Zipf 0.9, with sizes and prices of a lognormal
// distribution (sigma 1) whose logarithms correlate so much.
func LLM(n, answers int, correlation float64, seed uint64) Mix {
	m := Mix{Trace: dense("llm", ranks(0.9, answers, n, seed))}
	r := rand.New(rand.NewPCG(seed, 9))
	m.Bytes, m.Prices = make([]int64, m.Distinct), make([]float64, m.Distinct)
	for i := range m.Distinct {
		a, b := r.NormFloat64(), r.NormFloat64()
		m.Bytes[i] = max(400, int64(4000*math.Exp(a)))
		m.Prices[i] = 0.002 * math.Exp(correlation*a+math.Sqrt(1-correlation*correlation)*b)
		m.Total += m.Bytes[i]
	}
	return m
}

// Priced is the sum of the prices of all accesses.
func (m Mix) Priced() float64 {
	sum := 0.0
	for _, k := range m.Keys {
		sum += m.Prices[k]
	}
	return sum
}
