package balancer

import "context"

// Prompt is what is known of a call of a language model before it is placed. With it the
// adaptive strategy sends the call where its prefix is known already, unless the load
// speaks against it, see [WithPrompt].
type Prompt struct {
	// Tokens is the length of the prompt, above 0; an estimate will do.
	Tokens int
	// Output is how many tokens the answer is expected to have. Zero means unknown: the
	// mean of the others.
	Output float64
	// Blocks are hashes of the prompt's prefixes, the shortest first, each of which is
	// BlockTokens tokens longer than the one before. Equal hashes stand for equal prefixes,
	// of one model and for those who may share it.
	Blocks []uint64
	// BlockTokens is the length of a block. Zero means 64.
	BlockTokens int
	// Stream says that the answer comes as it is made, so that its first token can be
	// told from its last.
	Stream bool
}

const defaultBlockTokens = 64

type promptKey struct{}

// WithPrompt tells the adaptive strategy that the call is one of a language model. Servers
// then are replicas that work on many calls at a time and remember prefixes of prompts. The
// prompt's length replaces what [WithWork] says. A prompt without tokens is ignored. The
// blocks must not change afterwards.
func WithPrompt(ctx context.Context, p Prompt) context.Context {
	return context.WithValue(ctx, promptKey{}, &p)
}

// promptOf returns the prompt of a call, nil when it has none.
func promptOf(ctx context.Context) *Prompt {
	p, ok := ctx.Value(promptKey{}).(*Prompt)
	if !ok || p.Tokens <= 0 {
		return nil
	}
	return p
}

func (p *Prompt) blockTokens() int {
	if p.BlockTokens <= 0 {
		return defaultBlockTokens
	}
	return p.BlockTokens
}
