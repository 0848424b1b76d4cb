package sim

import "time"

// The cost of one iteration of a replica of speed 1, in seconds: what it takes at all, for
// each token of a prompt and for each sequence that decodes a token. A dozen such replicas
// behave like serving engines with continuous batching and chunked prefill.
const (
	iterationCost = 11e-3
	prefillCost   = 100e-6
	decodeCost    = 0.3e-3

	// chunk bounds the tokens of one iteration.
	chunk = 1024
)

// sequence is a call at a replica.
type sequence struct {
	prefill int // tokens still to be read
	decoded int
}

// replica is an engine with iterations, a batch and a cache of prefixes.
type replica struct {
	*run
	Server
	index   int
	running []*Call
	waiting []*Call
	held    int // tokens of the answers of the running sequences
	cache   prefixCache
	busy    bool
}

func newReplica(r *run, index int, s Server) *replica {
	return &replica{run: r, Server: s, index: index, cache: newPrefixCache()}
}

func (r *replica) enter(c *Call) {
	r.waiting = append(r.waiting, c)
	if !r.busy {
		r.iterate()
	}
}

// iterate plans one iteration.
func (r *replica) iterate() {
	r.admit()
	if len(r.running) == 0 {
		r.busy = false
		return
	}
	r.busy = true
	budget, decodes, prefilled := chunk, 0, 0
	for _, c := range r.running {
		if c.seq.prefill == 0 {
			decodes++
		}
	}
	budget -= decodes
	for _, c := range r.running {
		if n := min(c.seq.prefill, budget); n > 0 {
			c.seq.prefill -= n
			budget -= n
			prefilled += n
		}
	}
	took := (iterationCost + prefillCost*float64(prefilled) + decodeCost*float64(decodes)) / r.Speed * r.slowness(r.index)
	r.clock.add(event{at: r.clock.now + time.Duration(took*float64(time.Second)), kind: step, node: r.index})
}

// admit takes waiting calls into the batch while there is room.
func (r *replica) admit() {
	for len(r.waiting) > 0 && len(r.running) < r.Batch {
		c := r.waiting[0]
		if len(r.running) > 0 && r.cache.pinned()+r.held+c.Prompt.Tokens+c.Prompt.Output > r.Memory {
			return
		}
		r.waiting = r.waiting[1:]
		blocks, _ := r.cache.hold(c.Prompt.Blocks)
		known := blocks * BlockTokens
		r.result.PromptTokens += c.Prompt.Tokens
		r.result.KnownTokens += known
		c.seq = sequence{prefill: max(c.Prompt.Tokens-known, 1)}
		r.held += c.Prompt.Output
		r.running = append(r.running, c)
		r.cache.shrink(r.Memory - r.held)
	}
}

// on ends an iteration: each sequence past its prompt has one token more.
func (r *replica) on(event) {
	now := r.running
	r.running = make([]*Call, 0, len(now))
	var done []*Call
	for _, c := range now {
		if c.seq.prefill > 0 {
			r.running = append(r.running, c)
			continue
		}
		c.seq.decoded++
		if c.seq.decoded == 1 {
			r.run.first(c)
		}
		if c.seq.decoded >= c.Prompt.Output {
			done = append(done, c)
			r.forget(c)
			continue
		}
		r.running = append(r.running, c)
	}
	for _, c := range done {
		r.end(c, true)
	}
	r.iterate()
}

func (r *replica) leave(c *Call) {
	for i, o := range r.waiting {
		if o == c {
			r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
			return
		}
	}
	for i, o := range r.running {
		if o == c {
			r.running = append(r.running[:i:i], r.running[i+1:]...)
			r.forget(c)
			return
		}
	}
}

// forget lets go of the memory of a sequence that runs no more.
func (r *replica) forget(c *Call) {
	r.held -= c.Prompt.Output
	r.cache.release(c.Prompt.Blocks)
	r.cache.shrink(r.Memory - r.held)
}
