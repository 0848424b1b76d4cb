package gateway

import (
	"bytes"
	"encoding/json"
	"maps"
)

// message is an answer as Anthropic sends it: in one piece, or as a stream of events. Only what
// both forms can say is in it.
type message struct {
	id, role, model  *string
	stop, stopText   *string // why it stopped, and at which sequence
	usage            members
	blocks           []*messageBlock
	started, stopped bool
}

type messageBlock struct {
	kind                      string
	text, thinking, signature *string // of kind text and thinking
	id, name                  *string // of kind tool_use
	input                     []byte
	data                      *string // of kind redacted_thinking
	open                      bool
}

// parseMessage reads a message in one piece.
func parseMessage(body []byte) (*message, error) {
	m, err := parseMembers(body)
	if err != nil {
		return nil, err
	}
	a := &message{}
	if err := a.start(m); err != nil {
		return nil, err
	}
	blocks, err := m.list("content")
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		block, err := newBlock(b)
		if err != nil {
			return nil, err
		}
		if block.kind == "tool_use" {
			block.input = b["input"]
		}
		a.blocks = append(a.blocks, block)
	}
	a.stopped = true
	return a, a.whole()
}

// parseMessageEvents reads a message from its stream.
func parseMessageEvents(events []event) (*message, error) {
	a := &message{}
	for _, e := range events {
		m, err := parseMembers(e.data)
		if err != nil {
			return nil, err
		}
		if err := a.add(m); err != nil {
			return nil, err
		}
	}
	return a, a.whole()
}

// whole refuses a message that is not to its end.
func (a *message) whole() error {
	if !a.started || !a.stopped || a.stop == nil {
		return errUnfaithful
	}
	for _, b := range a.blocks {
		if b.open {
			return errUnfaithful
		}
	}
	return nil
}

// start reads what a message begins with.
func (a *message) start(m members) error {
	kind, err := m.text("type")
	if err != nil || kind == nil || *kind != "message" || a.started ||
		!m.only("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage") {
		return errUnfaithful
	}
	a.started = true
	for name, to := range map[string]**string{"id": &a.id, "role": &a.role, "model": &a.model} {
		v, err := m.text(name)
		if err != nil || v == nil {
			return errUnfaithful
		}
		*to = v
	}
	return a.end(m, m)
}

// end reads how a message stopped, and what it used.
func (a *message) end(stop, m members) (err error) {
	if a.stop, err = stop.text("stop_reason"); err != nil {
		return err
	}
	if a.stopText, err = stop.text("stop_sequence"); err != nil {
		return err
	}
	usage, err := m.object("usage")
	if err != nil {
		return err
	}
	if a.usage == nil {
		a.usage = members{}
	}
	maps.Copy(a.usage, usage) // the last count is that of the whole
	return nil
}

// add adds one event.
func (a *message) add(m members) error {
	kind, err := m.text("type")
	if err != nil || kind == nil || a.stopped || !a.started && *kind != "message_start" && *kind != "ping" {
		return errUnfaithful
	}
	switch *kind {
	case "ping":
		return nil
	case "message_start":
		return a.begin(m)
	case "content_block_start", "content_block_delta", "content_block_stop":
		return a.addToBlock(*kind, m)
	case "message_delta":
		delta, err := m.object("delta")
		if err != nil || !m.only("type", "delta", "usage") || !delta.only("stop_reason", "stop_sequence") {
			return errUnfaithful
		}
		return a.end(delta, m)
	case "message_stop":
		a.stopped = true
		return nil
	}
	return errUnfaithful
}

func (a *message) begin(m members) error {
	head, err := m.object("message")
	if err != nil || !m.only("type", "message") || !isNothing(head["content"]) {
		return errUnfaithful
	}
	return a.start(head)
}

// addToBlock begins, continues or ends a block. Blocks come one after the other.
func (a *message) addToBlock(kind string, m members) error {
	i, err := m.index("index")
	if err != nil || !m.only("type", "index", "content_block", "delta") {
		return errUnfaithful
	}
	if kind == "content_block_start" {
		first, err := m.object("content_block")
		if err != nil || i != len(a.blocks) {
			return errUnfaithful
		}
		block, err := newBlock(first)
		if err != nil {
			return err
		}
		block.open = true
		a.blocks = append(a.blocks, block)
		return nil
	}
	if i >= len(a.blocks) || !a.blocks[i].open {
		return errUnfaithful
	}
	if kind == "content_block_stop" {
		return a.blocks[i].close()
	}
	delta, err := m.object("delta")
	if err != nil {
		return err
	}
	return a.blocks[i].add(delta)
}

// blockMembers are what a block of each kind may have.
var blockMembers = map[string][]string{
	"text":              {"type", "text"},
	"thinking":          {"type", "thinking", "signature"},
	"redacted_thinking": {"type", "data"},
	"tool_use":          {"type", "id", "name", "input"},
}

func newBlock(m members) (*messageBlock, error) {
	kind, err := m.text("type")
	if err != nil || kind == nil {
		return nil, errUnfaithful
	}
	names, ok := blockMembers[*kind]
	if !ok || !m.only(names...) {
		return nil, errUnfaithful
	}
	b := &messageBlock{kind: *kind}
	for name, to := range map[string]**string{
		"text": &b.text, "thinking": &b.thinking, "signature": &b.signature, "id": &b.id, "name": &b.name, "data": &b.data,
	} {
		if *to, err = m.text(name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// add adds a part of a block.
func (b *messageBlock) add(delta members) error {
	kind, err := delta.text("type")
	if err != nil || kind == nil {
		return errUnfaithful
	}
	var to **string
	var name string
	switch {
	case *kind == "text_delta" && b.kind == "text":
		to, name = &b.text, "text"
	case *kind == "thinking_delta" && b.kind == "thinking":
		to, name = &b.thinking, "thinking"
	case *kind == "signature_delta" && b.kind == "thinking":
		to, name = &b.signature, "signature"
	case *kind == "input_json_delta" && b.kind == "tool_use":
		piece, err := delta.text("partial_json")
		if err != nil || piece == nil || !delta.only("type", "partial_json") {
			return errUnfaithful
		}
		b.input = append(b.input, *piece...)
		return nil
	default:
		return errUnfaithful
	}
	piece, err := delta.text(name)
	if err != nil || !delta.only("type", name) {
		return errUnfaithful
	}
	add(to, piece)
	return nil
}

func (b *messageBlock) close() error {
	b.open = false
	if b.kind != "tool_use" {
		return nil
	}
	if len(b.input) == 0 {
		b.input = []byte("{}")
	}
	if _, err := parseMembers(b.input); err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, b.input); err != nil {
		return errUnfaithful
	}
	b.input = compact.Bytes()
	return nil
}
