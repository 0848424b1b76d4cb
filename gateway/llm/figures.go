package llm

import (
	"math"
	"sync/atomic"
	"time"
)

// Figures are those of some of the calls.
type Figures struct {
	// Requests are all calls, those answered from the cache included. Cached are these, Streams
	// the ones that wanted a stream, Errors those that failed or were refused by the server.
	Requests uint64 `json:"requests"`
	Cached   uint64 `json:"cached"`
	Streams  uint64 `json:"streams"`
	Errors   uint64 `json:"errors"`
	// Unmetered are answers that did not say what they used, whose tokens and cost are missing
	// here; Unpriced those whose cost is not known, the former included.
	Unmetered uint64 `json:"unmetered"`
	Unpriced  uint64 `json:"unpriced"`
	// Tokens are what servers counted.
	Tokens Usage `json:"tokens"`
	// EstimatedOutput are the tokens of unmetered streams, taken for one each piece.
	EstimatedOutput uint64 `json:"estimated_output"`
	// CostDollars is the cost of what could be priced.
	CostDollars float64 `json:"cost_dollars"`
	// ClientsGone are calls whose client left before the end, which was then cancelled;
	// SavedOutputEstimate the tokens that were not made because of that, by what the model's
	// answers have on average.
	ClientsGone         uint64 `json:"clients_gone"`
	SavedOutputEstimate uint64 `json:"saved_output_estimate"`
	// FirstToken is the time from the request to the first token of streams, TokenGap that from
	// one token to the next, in seconds. TokensPerSecond is the speed of a stream after its first.
	FirstToken      Spread `json:"first_token"`
	TokenGap        Spread `json:"token_gap"`
	TokensPerSecond Spread `json:"tokens_per_second"`
	// Finish counts why answers ended: stop, length, tool, filter, other.
	Finish map[string]uint64 `json:"finish"`
}

// Spread says how values are spread; they are within 1/16 of the truth. Zeros without any.
type Spread struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
}

// finishes are the reasons of [Figures.Finish].
var finishes = [...]string{"stop", "length", "tool", "filter", "other"}

// figures are the atomics behind Figures.
type figures struct {
	requests, cached, streams, errors, unmetered, unpriced, gone atomic.Uint64
	input, cachedInput, cacheWrite, cacheHour, output, reasoning atomic.Int64
	estimated, saved                                             atomic.Uint64
	metered                                                      atomic.Int64 // finished answers with their usage
	took                                                         atomic.Int64 // nanoseconds, of these
	cost                                                         dollars
	first, gap                                                   distribution // nanoseconds
	speed                                                        distribution // thousandths of tokens a second
	finish                                                       [len(finishes)]atomic.Uint64
}

// dollars is a sum.
type dollars struct{ bits atomic.Uint64 }

func (d *dollars) add(v float64) {
	for v > 0 {
		old := d.bits.Load()
		if d.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

func (d *dollars) value() float64 { return math.Float64frombits(d.bits.Load()) }

// add adds a call.
func (f *figures) add(c *Call, v verdict) {
	f.requests.Add(1)
	count := func(n *atomic.Uint64, when bool) {
		if when {
			n.Add(1)
		}
	}
	count(&f.streams, c.Asked.Stream)
	count(&f.errors, v.failed)
	count(&f.gone, c.End == Left)
	if c.End == FromCache {
		f.cached.Add(1)
		return
	}
	count(&f.unmetered, v.unmetered)
	count(&f.unpriced, v.unpriced)
	f.estimated.Add(uint64(v.estimated))
	f.saved.Add(uint64(v.saved))
	if u := c.Answer.Usage; c.Answer.UsageKnown {
		f.input.Add(u.Input)
		f.cachedInput.Add(u.CachedInput)
		f.cacheWrite.Add(u.CacheWrite)
		f.cacheHour.Add(u.CacheWriteHour)
		f.output.Add(u.Output)
		f.reasoning.Add(u.Reasoning)
		if c.End == Finished {
			f.took.Add(int64(c.Took))
			f.metered.Add(1)
		}
	}
	f.cost.add(v.dollars)
	if c.Answer.FirstPiece > 0 {
		f.first.record(uint64(c.Answer.FirstPiece))
	}
	if s := c.speed(); s > 0 {
		f.speed.record(uint64(s * 1000))
	}
	for i, reason := range finishes {
		count(&f.finish[i], reason == c.Answer.Finish)
	}
}

// read returns the figures.
func (f *figures) read() Figures {
	out := Figures{
		Requests: f.requests.Load(), Cached: f.cached.Load(), Streams: f.streams.Load(), Errors: f.errors.Load(),
		Unmetered: f.unmetered.Load(), Unpriced: f.unpriced.Load(), Tokens: f.tokens(),
		EstimatedOutput: f.estimated.Load(), CostDollars: f.cost.value(),
		ClientsGone: f.gone.Load(), SavedOutputEstimate: f.saved.Load(),
		FirstToken: spread(&f.first, float64(time.Second)), TokenGap: spread(&f.gap, float64(time.Second)),
		TokensPerSecond: spread(&f.speed, 1000), Finish: map[string]uint64{},
	}
	for i, reason := range finishes {
		out.Finish[reason] = f.finish[i].Load()
	}
	return out
}

func (f *figures) tokens() Usage {
	return Usage{
		Input: f.input.Load(), CachedInput: f.cachedInput.Load(), CacheWrite: f.cacheWrite.Load(),
		CacheWriteHour: f.cacheHour.Load(), Output: f.output.Load(), Reasoning: f.reasoning.Load(),
	}
}

func spread(d *distribution, unit float64) Spread {
	n, q := d.quantiles(0.5, 0.99)
	return Spread{n, q[0] / unit, q[1] / unit}
}
