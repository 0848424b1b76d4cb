package sim

import (
	"slices"
	"time"
)

// Result is what came out of a simulation.
type Result struct {
	// Calls that counted, of which OK ended well, and attempts made for all calls.
	Calls, OK, Attempts int
	// Seconds are the times to the end of each call, First those to the first token. What
	// failed counts with the time it took, what was given up with the timeout.
	Seconds, First []float64
	// PromptTokens are the tokens of the prompts that replicas took up, KnownTokens those of
	// them that they knew from before.
	PromptTokens, KnownTokens int
	// perSecond counts where attempts were placed.
	perSecond [][]int32
	sorted    bool
}

func (r *Result) placed(now time.Duration, server, servers int) {
	r.Attempts++
	for int(now/time.Second) >= len(r.perSecond) {
		r.perSecond = append(r.perSecond, make([]int32, servers))
	}
	r.perSecond[now/time.Second][server]++
}

func (r *Result) add(c *Call, took time.Duration, ok bool, timeout time.Duration) {
	r.Calls++
	first := c.first
	if ok {
		r.OK++
	} else if first < 0 {
		first = took
	}
	if timeout > 0 {
		took, first = min(took, timeout), min(first, timeout)
	}
	r.Seconds = append(r.Seconds, took.Seconds())
	r.First = append(r.First, first.Seconds())
}

// Quantile returns the time within which the share q of the calls ended, in seconds.
func (r *Result) Quantile(q float64) float64 {
	r.sort()
	return quantile(r.Seconds, q)
}

// FirstQuantile returns the same for the first token.
func (r *Result) FirstQuantile(q float64) float64 {
	r.sort()
	return quantile(r.First, q)
}

func (r *Result) sort() {
	if !r.sorted {
		slices.Sort(r.Seconds)
		slices.Sort(r.First)
		r.sorted = true
	}
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// Success returns the share of the calls that ended well, 1 of none.
func (r *Result) Success() float64 {
	if r.Calls == 0 {
		return 1
	}
	return float64(r.OK) / float64(r.Calls)
}

// Share returns the part of the attempts made in [from, to) that the server got.
func (r *Result) Share(server int, from, to time.Duration) float64 {
	var mine, all int32
	for s := int(from / time.Second); s < int(to/time.Second) && s < len(r.perSecond); s++ {
		for i, n := range r.perSecond[s] {
			all += n
			if i == server {
				mine += n
			}
		}
	}
	return float64(mine) / float64(max(all, 1))
}
