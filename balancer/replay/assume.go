package replay

import (
	"errors"
	"fmt"

	"github.com/sentientcore/upshift/balancer/sim"
)

// blockTokens is the length of a block of the Mooncake traces.
const blockTokens = 512

// The memory and the batch of an assumed replica.
const (
	assumedBatch  = 48
	assumedMemory = 160_000
)

// Assume makes a model of replicas of a language model, of the given speeds, for a log of
// arrivals: what the log itself cannot tell. A replica of speed 1 reads some 9,000 tokens a
// second.
func Assume(l *Log, speeds []float64) (*Model, error) {
	if len(speeds) < 2 || len(speeds) > maxServers {
		return nil, fmt.Errorf("replay: speeds must be 2 to %d numbers (got %d)", maxServers, len(speeds))
	}
	m := &Model{Fail: make([]float64, len(speeds)), doubt: make([]float64, len(speeds))}
	assumed := Log{Calls: l.Calls}
	for i, s := range speeds {
		if !(s >= 0.01 && s <= 100) {
			return nil, fmt.Errorf("replay: speeds[%d] must be between 0.01 and 100 (got %v)", i, s)
		}
		m.Servers = append(m.Servers, sim.Server{Speed: s, Batch: assumedBatch, Memory: assumedMemory})
		assumed.Servers = append(assumed.Servers, Server{ID: fmt.Sprintf("replica-%d", i+1), Weight: 1})
	}
	m.log = &assumed
	for _, c := range l.Calls {
		if c.Input > 0 {
			m.arrivals = append(m.arrivals, arrival{at: c.At, size: c.Size, prompt: promptOf(c)})
		}
	}
	if len(m.arrivals) == 0 {
		return nil, errors.New("replay: the log has no tokens: servers can be assumed only for calls of a language model")
	}
	if len(m.arrivals) < minCalls {
		return nil, cannotTell("%d calls are too few: it takes %d", len(m.arrivals), minCalls)
	}
	return m, nil
}

// promptOf cuts the blocks of a call into those of the simulator.
func promptOf(c Call) *sim.Prompt {
	p := &sim.Prompt{Tokens: c.Input, Output: max(c.Output, 1), OutputHint: 0}
	for _, id := range c.Blocks {
		for part := range uint64(blockTokens / sim.BlockTokens) {
			if (len(p.Blocks)+1)*sim.BlockTokens > c.Input {
				return p
			}
			p.Blocks = append(p.Blocks, id*(blockTokens/sim.BlockTokens)+part)
		}
	}
	return p
}
