package sim

import (
	"fmt"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// Pool places calls by the ledger and the strategy of a [balancer.Pool].
type Pool struct{ pool *balancer.Virtual }

// NewPool returns a policy of the strategy for servers of the given weights. The rest of
// the configuration is as in cfg, its servers left out.
func NewPool(cfg balancer.Config, seed uint64, weights ...float64) (*Pool, error) {
	cfg.Servers = nil
	for i, w := range weights {
		cfg.Servers = append(cfg.Servers, balancer.ServerConfig{
			ID: fmt.Sprint("s", i), URL: fmt.Sprintf("http://10.0.%d.%d", i/250, 1+i%250), Weight: w,
		})
	}
	v, err := balancer.NewVirtual(cfg, seed)
	if err != nil {
		return nil, err
	}
	return &Pool{v}, nil
}

// Pick places the call.
func (p *Pool) Pick(now time.Duration, c *Call) int {
	vc := balancer.VirtualCall{At: now, Work: c.Hint, Tried: c.Tried, Stream: c.Prompt != nil}
	if c.Prompt != nil {
		vc.Work = float64(c.Prompt.Tokens)
		vc.Prompt = &balancer.Prompt{
			Tokens: c.Prompt.Tokens, Output: c.Prompt.OutputHint, Blocks: c.Prompt.Blocks,
			BlockTokens: BlockTokens, Stream: true,
		}
	}
	f, ok := p.pool.Begin(vc)
	if !ok {
		return -1
	}
	c.Mark = f
	return f.Server()
}

// First notes the first token.
func (p *Pool) First(now time.Duration, c *Call) {
	if c.Prompt != nil {
		c.Mark.(*balancer.VirtualFlight).First(now)
	}
}

// Done ends the attempt.
func (p *Pool) Done(now time.Duration, c *Call, ok bool) {
	c.Mark.(*balancer.VirtualFlight).End(now, ok)
}
