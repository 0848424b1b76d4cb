package llm

import (
	"cmp"
	"encoding/json"
)

// maxTokens is more than any answer has: what claims to is not believed.
const maxTokens = 1 << 40

// Usage is what an answer used, in tokens, by the server's own count and one convention for all
// interfaces: parts are contained in their whole.
type Usage struct {
	// Input is the whole prompt. CachedInput of it was read from the server's cache of prompts,
	// CacheWrite written to it, CacheWriteHour of these to be kept for an hour.
	Input          int64 `json:"input"`
	CachedInput    int64 `json:"cached_input"`
	CacheWrite     int64 `json:"cache_write"`
	CacheWriteHour int64 `json:"cache_write_1h"`
	// Output is the whole answer. Reasoning of it was thought and not said.
	Output    int64 `json:"output"`
	Reasoning int64 `json:"reasoning"`
}

// counted is the usage as servers tell it. Later objects of a stream override what earlier ones
// said.
type counted struct {
	Prompt     *int64 `json:"prompt_tokens"`
	Completion *int64 `json:"completion_tokens"`
	Input      *int64 `json:"input_tokens"`
	Output     *int64 `json:"output_tokens"`

	PromptDetails     details `json:"prompt_tokens_details"`
	CompletionDetails details `json:"completion_tokens_details"`
	InputDetails      details `json:"input_tokens_details"`
	OutputDetails     details `json:"output_tokens_details"`

	CacheHit   int64 `json:"prompt_cache_hit_tokens"` // DeepSeek's
	CacheRead  int64 `json:"cache_read_input_tokens"` // Anthropic's, as the next two
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	CacheKinds struct {
		Hour int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Tier string `json:"service_tier"`
}

type details struct {
	Cached    int64 `json:"cached_tokens"`
	Reasoning int64 `json:"reasoning_tokens"`
}

// add reads a usage object. What is none changes nothing.
func (c *counted) add(object []byte) {
	var next counted
	if json.Unmarshal(object, &next) != nil {
		return
	}
	c.Prompt, c.Completion = first(next.Prompt, c.Prompt), first(next.Completion, c.Completion)
	c.Input, c.Output = first(next.Input, c.Input), first(next.Output, c.Output)
	c.PromptDetails.add(next.PromptDetails)
	c.CompletionDetails.add(next.CompletionDetails)
	c.InputDetails.add(next.InputDetails)
	c.OutputDetails.add(next.OutputDetails)
	c.CacheHit, c.CacheRead = cmp.Or(next.CacheHit, c.CacheHit), cmp.Or(next.CacheRead, c.CacheRead)
	c.CacheWrite = cmp.Or(next.CacheWrite, c.CacheWrite)
	c.CacheKinds.Hour = cmp.Or(next.CacheKinds.Hour, c.CacheKinds.Hour)
	c.Tier = cmp.Or(next.Tier, c.Tier)
}

func (d *details) add(next details) {
	d.Cached, d.Reasoning = cmp.Or(next.Cached, d.Cached), cmp.Or(next.Reasoning, d.Reasoning)
}

// usage is what was counted, and false if nothing was, or nothing that makes sense.
func (c *counted) usage(api API) (Usage, bool) {
	in, out := first(c.Prompt, c.Input), first(c.Completion, c.Output)
	if in == nil && out == nil {
		return Usage{}, false
	}
	u := Usage{
		Input: deref(in), Output: deref(out),
		CachedInput:    max(c.PromptDetails.Cached, c.InputDetails.Cached, c.CacheHit, c.CacheRead),
		CacheWrite:     c.CacheWrite,
		CacheWriteHour: c.CacheKinds.Hour,
		Reasoning:      max(c.CompletionDetails.Reasoning, c.OutputDetails.Reasoning),
	}
	if api == Messages { // where the parts of the prompt are told beside each other
		u.Input += u.CachedInput + u.CacheWrite
	}
	return u, u.valid()
}

func (u Usage) valid() bool {
	for _, n := range []int64{u.Input, u.CachedInput, u.CacheWrite, u.CacheWriteHour, u.Output, u.Reasoning} {
		if n < 0 || n > maxTokens {
			return false
		}
	}
	return u.CachedInput+u.CacheWrite <= u.Input && u.CacheWriteHour <= u.CacheWrite && u.Reasoning <= u.Output
}

func first(a, b *int64) *int64 {
	if a != nil {
		return a
	}
	return b
}

func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
