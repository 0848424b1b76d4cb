package gateway

import (
	"bytes"
	"encoding/json"
)

// completion is a chat completion as OpenAI and those who follow it send it: in one piece, or as
// a stream of chunks. Only what both forms can say is in it.
type completion struct {
	id, model         *string
	created           json.RawMessage
	tier, fingerprint json.RawMessage
	usage             json.RawMessage
	choices           []*completionChoice
}

type completionChoice struct {
	index                    int
	role, content, refusal   *string
	reasoning, reasoningText *string // two names for the same are in use
	calls                    []*completionCall
	finish                   *string
}

type completionCall struct{ id, kind, name, arguments *string }

// What objects may have. What else they have must say nothing.
var (
	completionMembers = []string{"id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint"}
	messageMembers    = []string{"role", "content", "refusal", "reasoning", "reasoning_content", "tool_calls"}
)

// parseCompletion reads a completion in one piece.
func parseCompletion(body []byte) (*completion, error) {
	m, err := parseMembers(body)
	if err != nil {
		return nil, err
	}
	c := &completion{}
	if err := c.head(m, "chat.completion"); err != nil {
		return nil, err
	}
	if err := c.parts(m, "message"); err != nil {
		return nil, err
	}
	return c, c.whole()
}

// parseChunks reads a completion from its stream.
func parseChunks(events []event) (*completion, error) {
	c := &completion{}
	for i, e := range events {
		if bytes.Equal(e.data, done) && i == len(events)-1 {
			return c, c.whole()
		}
		m, err := parseMembers(e.data)
		if err != nil {
			return nil, err
		}
		delete(m, "obfuscation") // padding
		if err := c.head(m, "chat.completion.chunk"); err != nil {
			return nil, err
		}
		if err := c.parts(m, "delta"); err != nil {
			return nil, err
		}
	}
	return nil, errUnfaithful // it did not end
}

// whole refuses a completion that is not to its end.
func (c *completion) whole() error {
	if len(c.choices) == 0 || c.id == nil || c.model == nil {
		return errUnfaithful
	}
	for i, choice := range c.choices {
		if choice == nil || choice.index != i || choice.finish == nil || choice.role == nil {
			return errUnfaithful
		}
	}
	return nil
}

// head reads what is said once, or the same in each chunk.
func (c *completion) head(m members, object string) error {
	kind, err := m.text("object")
	if err != nil || kind == nil || *kind != object || !m.only(completionMembers...) {
		return errUnfaithful
	}
	for name, to := range map[string]**string{"id": &c.id, "model": &c.model} {
		v, err := m.text(name)
		if err != nil || v == nil || *to != nil && **to != *v {
			return errUnfaithful
		}
		*to = v
	}
	if c.created == nil { // some say the time of the chunk
		c.created = m["created"]
	}
	for name, to := range map[string]*json.RawMessage{"service_tier": &c.tier, "system_fingerprint": &c.fingerprint} {
		v, ok := m[name]
		if !ok {
			continue
		}
		if *to != nil && !bytes.Equal(*to, v) {
			return errUnfaithful
		}
		*to = v
	}
	if !isNothing(m["usage"]) {
		c.usage = m["usage"]
	}
	return nil
}

// parts reads the choices; what they say is in the member of that name.
func (c *completion) parts(m members, name string) error {
	choices, err := m.list("choices")
	if err != nil {
		return err
	}
	for _, part := range choices {
		i, err := part.index("index")
		if err != nil || !part.only("index", "finish_reason", name) {
			return errUnfaithful
		}
		for len(c.choices) <= i {
			c.choices = append(c.choices, &completionChoice{index: len(c.choices)})
		}
		says, err := part.object(name)
		if err != nil {
			return err
		}
		if err := c.choices[i].add(says); err != nil {
			return err
		}
		finish, err := part.text("finish_reason")
		if err != nil {
			return err
		}
		if finish != nil {
			c.choices[i].finish = finish
		}
	}
	return nil
}

// add adds a message or a part of one.
func (c *completionChoice) add(m members) error {
	if !m.only(messageMembers...) {
		return errUnfaithful
	}
	role, err := m.text("role")
	if err != nil {
		return err
	}
	if role != nil {
		c.role = role // said again, it is the same
	}
	for name, to := range map[string]**string{
		"content": &c.content, "refusal": &c.refusal, "reasoning": &c.reasoningText, "reasoning_content": &c.reasoning,
	} {
		piece, err := m.text(name)
		if err != nil {
			return err
		}
		add(to, piece)
	}
	calls, err := m.list("tool_calls")
	if err != nil {
		return err
	}
	for n, call := range calls {
		if err := c.addCall(call, n); err != nil {
			return err
		}
	}
	return nil
}

// addCall adds a tool call or a part of one; in a message it is the n-th.
func (c *completionChoice) addCall(m members, n int) error {
	if _, ok := m["index"]; ok {
		var err error
		if n, err = m.index("index"); err != nil {
			return err
		}
	}
	function, err := m.object("function")
	if err != nil || !m.only("index", "id", "type", "function") || !function.only("name", "arguments") {
		return errUnfaithful
	}
	for len(c.calls) <= n {
		c.calls = append(c.calls, &completionCall{})
	}
	call := c.calls[n]
	for _, piece := range []struct {
		from members
		name string
		to   **string
	}{{m, "id", &call.id}, {m, "type", &call.kind}, {function, "name", &call.name}} {
		v, err := piece.from.text(piece.name)
		if err != nil || v != nil && *v != "" && *piece.to != nil && **piece.to != *v {
			return errUnfaithful
		}
		if v != nil && *piece.to == nil {
			*piece.to = v
		}
	}
	arguments, err := function.text("arguments")
	if err != nil {
		return err
	}
	add(&call.arguments, arguments)
	return nil
}
