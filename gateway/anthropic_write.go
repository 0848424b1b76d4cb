package gateway

import (
	"encoding/json"
	"maps"
)

// What a message and its events look like. The order is that of Anthropic.
type (
	wireAnthropic struct {
		ID       *string     `json:"id"`
		Kind     string      `json:"type"`
		Role     *string     `json:"role"`
		Model    *string     `json:"model"`
		Content  []wireBlock `json:"content"`
		Stop     *string     `json:"stop_reason"`
		StopText *string     `json:"stop_sequence"`
		Usage    members     `json:"usage"`
	}
	wireBlock struct {
		Kind      string          `json:"type"`
		Text      *string         `json:"text,omitempty"`
		Thinking  *string         `json:"thinking,omitempty"`
		Signature *string         `json:"signature,omitempty"`
		Data      *string         `json:"data,omitempty"`
		ID        *string         `json:"id,omitempty"`
		Name      *string         `json:"name,omitempty"`
		Input     json.RawMessage `json:"input,omitempty"`
	}
	wireEvent struct {
		Kind    string         `json:"type"`
		Index   *int           `json:"index,omitempty"`
		Message *wireAnthropic `json:"message,omitempty"`
		Block   *wireBlock     `json:"content_block,omitempty"`
		Delta   any            `json:"delta,omitempty"`
		Usage   members        `json:"usage,omitempty"`
	}
	wireStop struct {
		Stop     *string `json:"stop_reason"`
		StopText *string `json:"stop_sequence"`
	}
	wirePart struct {
		Kind      string  `json:"type"`
		Text      *string `json:"text,omitempty"`
		Thinking  *string `json:"thinking,omitempty"`
		Signature *string `json:"signature,omitempty"`
		Input     *string `json:"partial_json,omitempty"`
	}
)

// json writes the message in one piece.
func (a *message) json() ([]byte, error) {
	w := wireAnthropic{
		ID: a.id, Kind: "message", Role: a.role, Model: a.model, Content: []wireBlock{},
		Stop: a.stop, StopText: a.stopText, Usage: a.usage,
	}
	for _, b := range a.blocks {
		w.Content = append(w.Content, wireBlock{b.kind, b.text, b.thinking, b.signature, b.data, b.id, b.name, b.input})
	}
	return toJSON(w)
}

// outputTokens is the one count that is known at the end only.
const outputTokens = "output_tokens"

// stream writes the message as the events of a stream.
func (a *message) stream() ([]byte, error) {
	begin, end := maps.Clone(a.usage), members{}
	if n, ok := begin[outputTokens]; ok {
		begin[outputTokens], end[outputTokens] = json.RawMessage("0"), n
	}
	all := []wireEvent{{Kind: "message_start", Message: &wireAnthropic{
		ID: a.id, Kind: "message", Role: a.role, Model: a.model, Content: []wireBlock{}, Usage: begin,
	}}}
	for i, b := range a.blocks {
		all = append(all, b.events(i)...)
	}
	all = append(all,
		wireEvent{Kind: "message_delta", Delta: wireStop{a.stop, a.stopText}, Usage: end},
		wireEvent{Kind: "message_stop"})
	var out []byte
	for _, e := range all {
		data, err := toJSON(e)
		if err != nil {
			return nil, err
		}
		out = appendEvent(out, e.Kind, data)
	}
	return out, nil
}

// events are those of one block: its begin, all that it says at once, and its end.
func (b *messageBlock) events(index int) []wireEvent {
	first := wireBlock{Kind: b.kind, Data: b.data, ID: b.id, Name: b.name}
	empty := ""
	var parts []wirePart
	if b.text != nil {
		first.Text = &empty
		parts = append(parts, wirePart{Kind: "text_delta", Text: b.text})
	}
	if b.thinking != nil {
		first.Thinking = &empty
		parts = append(parts, wirePart{Kind: "thinking_delta", Thinking: b.thinking})
	}
	if b.signature != nil {
		first.Signature = &empty
		parts = append(parts, wirePart{Kind: "signature_delta", Signature: b.signature})
	}
	if b.kind == "tool_use" {
		first.Input = json.RawMessage("{}")
		input := string(b.input)
		parts = append(parts, wirePart{Kind: "input_json_delta", Input: &input})
	}
	events := []wireEvent{{Kind: "content_block_start", Index: &index, Block: &first}}
	for _, p := range parts {
		events = append(events, wireEvent{Kind: "content_block_delta", Index: &index, Delta: p})
	}
	return append(events, wireEvent{Kind: "content_block_stop", Index: &index})
}
