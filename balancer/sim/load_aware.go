package sim

import (
	"math"
	"time"
)

// LoadAware is the prefix rule of vLLM's production stack that heeds load: the share of the
// prompt that the replica was sent before, minus how far its calls in flight are above the
// mean.
type LoadAware struct {
	ledger
	seen map[uint64]uint64 // servers by block
}

// NewLoadAware returns the rule for at most 64 replicas.
func NewLoadAware(servers int, seed uint64) *LoadAware {
	return &LoadAware{newLedger(servers, seed), map[uint64]uint64{}}
}

// Pick places the call.
func (p *LoadAware) Pick(_ time.Duration, c *Call) int {
	matched := make([]float64, len(p.inFlight))
	alive := uint64(math.MaxUint64)
	for i, b := range c.Prompt.Blocks {
		alive &= p.seen[b]
		if alive == 0 {
			break
		}
		for s := range matched {
			if alive>>s&1 == 1 {
				matched[s] = float64((i+1)*BlockTokens) / float64(c.Prompt.Tokens)
			}
		}
	}
	mean := 0.0
	for _, n := range p.inFlight {
		mean += n / float64(len(p.inFlight))
	}
	at := p.least(c.Tried, func(i int) float64 { return (p.inFlight[i]-mean)/max(1, mean) - matched[i] })
	for _, b := range c.Prompt.Blocks {
		p.seen[b] |= 1 << at
	}
	p.inFlight[at]++
	return at
}

// Done ends the attempt.
func (p *LoadAware) Done(_ time.Duration, c *Call, _ bool) { p.inFlight[c.Server]-- }
