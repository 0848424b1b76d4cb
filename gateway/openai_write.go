package gateway

import "encoding/json"

// What a completion and its chunks look like. The order is that of OpenAI.
type (
	wireCompletion struct {
		ID          *string         `json:"id"`
		Object      string          `json:"object"`
		Created     json.RawMessage `json:"created,omitempty"`
		Model       *string         `json:"model"`
		Tier        json.RawMessage `json:"service_tier,omitempty"`
		Fingerprint json.RawMessage `json:"system_fingerprint,omitempty"`
		Choices     []wireChoice    `json:"choices"`
		Usage       json.RawMessage `json:"usage,omitempty"`
	}
	wireChoice struct {
		Index    int          `json:"index"`
		Message  *wireMessage `json:"message,omitempty"`
		Delta    any          `json:"delta,omitempty"`
		Logprobs *struct{}    `json:"logprobs"`
		Finish   *string      `json:"finish_reason"`
	}
	wireMessage struct {
		Role          *string    `json:"role"`
		Content       *string    `json:"content"`
		Refusal       *string    `json:"refusal"`
		Reasoning     *string    `json:"reasoning_content,omitempty"`
		ReasoningText *string    `json:"reasoning,omitempty"`
		Calls         []wireCall `json:"tool_calls,omitempty"`
	}
	wireDelta struct {
		Role          *string    `json:"role,omitempty"`
		Content       *string    `json:"content,omitempty"`
		Refusal       *string    `json:"refusal,omitempty"`
		Reasoning     *string    `json:"reasoning_content,omitempty"`
		ReasoningText *string    `json:"reasoning,omitempty"`
		Calls         []wireCall `json:"tool_calls,omitempty"`
	}
	wireCall struct {
		Index    *int         `json:"index,omitempty"`
		ID       *string      `json:"id,omitempty"`
		Kind     *string      `json:"type,omitempty"`
		Function wireFunction `json:"function"`
	}
	wireFunction struct {
		Name      *string `json:"name,omitempty"`
		Arguments *string `json:"arguments,omitempty"`
	}
)

func (c *completion) wire(object string, choices []wireChoice) wireCompletion {
	return wireCompletion{
		ID: c.id, Object: object, Created: c.created, Model: c.model, Tier: c.tier, Fingerprint: c.fingerprint,
		Choices: choices,
	}
}

// json writes the completion in one piece.
func (c *completion) json() ([]byte, error) {
	if c.usage == nil {
		return nil, errUnfaithful // a completion in one piece says it
	}
	var choices []wireChoice
	for _, choice := range c.choices {
		message := &wireMessage{
			Role: choice.role, Content: choice.content, Refusal: choice.refusal,
			Reasoning: choice.reasoning, ReasoningText: choice.reasoningText, Calls: choice.wireCalls(false),
		}
		if len(choice.calls) > 0 && choice.content != nil && *choice.content == "" {
			message.Content = nil // streams begin with an empty piece
		}
		choices = append(choices, wireChoice{Index: choice.index, Message: message, Finish: choice.finish})
	}
	w := c.wire("chat.completion", choices)
	w.Usage = c.usage
	return toJSON(w)
}

// stream writes the completion as the chunks of a stream: for each choice its role, what it says
// and how it ended, and the usage if asked for.
func (c *completion) stream(usage bool) ([]byte, error) {
	if c.usage == nil && usage {
		return nil, errUnfaithful
	}
	var out []byte
	chunk := func(choices []wireChoice, use json.RawMessage) error {
		w := c.wire("chat.completion.chunk", choices)
		w.Usage = use
		data, err := toJSON(w)
		out = appendEvent(out, "", data)
		return err
	}
	none := json.RawMessage(nil)
	if usage {
		none = json.RawMessage("null")
	}
	for _, choice := range c.choices {
		for _, part := range choice.deltas() {
			part.Index = choice.index
			if err := chunk([]wireChoice{part}, none); err != nil {
				return nil, err
			}
		}
	}
	if usage {
		if err := chunk([]wireChoice{}, c.usage); err != nil {
			return nil, err
		}
	}
	return appendEvent(out, "", done), nil
}

// deltas are the parts of a choice.
func (c *completionChoice) deltas() []wireChoice {
	empty := ""
	first := wireDelta{Role: c.role}
	if c.content != nil {
		first.Content = &empty
	}
	parts := []wireChoice{{Delta: first}}
	for _, d := range []wireDelta{
		{Reasoning: c.reasoning}, {ReasoningText: c.reasoningText}, {Content: c.content}, {Refusal: c.refusal},
	} {
		if d.Reasoning != nil || d.ReasoningText != nil || d.Content != nil && *d.Content != "" || d.Refusal != nil {
			parts = append(parts, wireChoice{Delta: d})
		}
	}
	for _, call := range c.wireCalls(true) {
		parts = append(parts, wireChoice{Delta: wireDelta{Calls: []wireCall{call}}})
	}
	return append(parts, wireChoice{Delta: struct{}{}, Finish: c.finish})
}

func (c *completionChoice) wireCalls(indexed bool) []wireCall {
	var calls []wireCall
	for i, call := range c.calls {
		w := wireCall{ID: call.id, Kind: call.kind, Function: wireFunction{call.name, call.arguments}}
		if indexed {
			w.Index = &i
		}
		calls = append(calls, w)
	}
	return calls
}
