package sim

import "time"

// Call is one call on its way through the world.
type Call struct {
	// At is when it arrives.
	At time.Duration
	// Work is what it asks for, in seconds on a slot of speed 1.
	Work float64
	// Hint is what the caller declares of its size; 0: nothing.
	Hint float64
	// Luck decides whether a server that fails now and then fails this call.
	Luck uint64
	// Prompt makes it a call of a language model.
	Prompt *Prompt

	// Server is where the attempt under way was placed, Tried where the ones before it were.
	Server int
	Tried  []int
	// Gateway is which of several gateways the call came to.
	Gateway int
	// Placed is when the attempt under way was placed.
	Placed time.Duration
	// Mark is the policy's own.
	Mark any

	try   int // the attempt under way; below 0: it is over
	first time.Duration
	seq   sequence
	more  func(now float64) *Call // the next question, nil after the last
}

// Prompt is what a call of a language model brings along.
type Prompt struct {
	// Tokens is the length of the prompt, Output that of the answer.
	Tokens, Output int
	// OutputHint is what the caller expects of Output.
	OutputHint float64
	// Blocks are the hashes of its prefixes, one for every BlockTokens tokens.
	Blocks []uint64
	// Session and Turn tell conversations apart.
	Session, Turn int
}

// BlockTokens is the length of a block of a prompt.
const BlockTokens = 64

// Source makes the calls. Next is called once the one before has arrived; what it returns
// must not be earlier. Done is told of each call that is over, so that an answer can be
// followed by another question, which it returns.
type Source interface {
	Next() *Call
	Done(now time.Duration, c *Call) *Call
}

// Trace is calls that were made up before, in the order of their arrival.
type Trace []Call

// Source returns a source that plays copies of the calls once.
func (t Trace) Source() Source { return &traceSource{t} }

type traceSource struct{ left Trace }

func (s *traceSource) Next() *Call {
	if len(s.left) == 0 {
		return nil
	}
	c := s.left[0]
	s.left = s.left[1:]
	return &c
}

func (s *traceSource) Done(time.Duration, *Call) *Call { return nil }
