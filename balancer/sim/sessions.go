package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Sessions is a load of conversations with a language model: each belongs to one of some
// agents with a long prompt of its own, the popular ones having many, and each question
// carries all that was said before.
type Sessions struct {
	Seed   uint64
	Length time.Duration
	// PerSecond is how many conversations begin on average.
	PerSecond float64
}

const (
	agents       = 60
	zipfExponent = 1.1
	meanTurns    = 4
	thinkMean    = 2.0 // seconds
	outputSigma  = 0.9
	outputMean   = 150.0
	outputNoise  = 0.6 // of what is expected of the output
	questionMean = 150.0
)

// Source makes the calls.
func (l Sessions) Source() Source {
	rnd := rand.New(rand.NewPCG(l.Seed, 0x73657373))
	s := &sessions{Sessions: l, rnd: rnd}
	sum := 0.0
	for i := range agents {
		s.tokens = append(s.tokens, 1000+rnd.IntN(2500))
		sum += math.Pow(float64(i+1), -zipfExponent)
		s.popular = append(s.popular, sum)
	}
	return s
}

type sessions struct {
	Sessions
	rnd     *rand.Rand
	at      float64
	count   int
	tokens  []int     // of the agents' prompts
	popular []float64 // running sums
}

func (s *sessions) Next() *Call {
	s.at += s.rnd.ExpFloat64() / s.PerSecond
	if s.at >= s.Length.Seconds() {
		return nil
	}
	s.count++
	agent, draw := 0, s.rnd.Float64()*s.popular[agents-1]
	for s.popular[agent] < draw {
		agent++
	}
	p := &Prompt{Tokens: s.tokens[agent], Session: s.count}
	for i := range s.tokens[agent] / BlockTokens {
		p.Blocks = append(p.Blocks, mix(uint64(agent)<<32|uint64(i)))
	}
	// What the conversation will be is drawn with its beginning, so that it is the same
	// whoever places it.
	turns := 1
	for s.rnd.Float64() > 1.0/meanTurns {
		turns++
	}
	return s.turn(rand.New(rand.NewPCG(s.Seed, uint64(s.count))), turns, s.at, p)
}

// turn makes the next question of a conversation of which turns are left.
func (s *sessions) turn(rnd *rand.Rand, turns int, at float64, before *Prompt) *Call {
	p := &Prompt{Session: before.Session, Turn: before.Turn + 1}
	p.Tokens = before.Tokens + before.Output + 16 + int(questionMean*rnd.ExpFloat64())
	p.Output = min(1+int(lognormal(rnd, outputMean, outputSigma)), 4000)
	p.OutputHint = float64(p.Output) * math.Exp(outputNoise*rnd.NormFloat64())
	p.Blocks = append(p.Blocks, before.Blocks...)
	for len(p.Blocks) < p.Tokens/BlockTokens {
		p.Blocks = append(p.Blocks, mix(1<<63|uint64(p.Session)<<24|uint64(len(p.Blocks))))
	}
	return &Call{
		At: time.Duration(at * float64(time.Second)), Luck: rnd.Uint64(), Prompt: p,
		more: func(now float64) *Call {
			if turns <= 1 {
				return nil
			}
			return s.turn(rnd, turns-1, now+thinkMean*rnd.ExpFloat64(), p)
		},
	}
}

func (s *sessions) Done(now time.Duration, c *Call) *Call { return c.more(now.Seconds()) }

func lognormal(rnd *rand.Rand, mean, sigma float64) float64 {
	return mean * math.Exp(sigma*rnd.NormFloat64()-sigma*sigma/2)
}
