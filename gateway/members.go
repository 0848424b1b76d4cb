package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// errUnfaithful is why an answer is not turned into its other form: something of it would be lost.
var errUnfaithful = errors.New("gateway: the answer has no faithful other form")

// members are those of a JSON object, each as it was written.
type members map[string]json.RawMessage

// parseMembers reads an object. Text that Go would change while reading is refused.
func parseMembers(data []byte) (members, error) {
	if !utf8.Valid(data) {
		return nil, errUnfaithful
	}
	m := members{}
	if err := json.Unmarshal(data, &m); err != nil || m == nil {
		return nil, errUnfaithful
	}
	return m, nil
}

// isNothing reports whether a member is missing or says nothing: null, [] or {}.
func isNothing(v json.RawMessage) bool {
	switch string(v) {
	case "", "null", "[]", "{}":
		return true
	}
	return false
}

// only reports whether no other members than these say something.
func (m members) only(names ...string) bool {
	rest := len(m)
	for _, name := range names {
		if _, ok := m[name]; ok {
			rest--
		}
	}
	if rest == 0 {
		return true
	}
	for name, v := range m {
		if !isNothing(v) && !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// text is the string that a member is, empty without one; nil for null or none.
func (m members) text(name string) (*string, error) {
	v := m[name]
	if len(v) == 0 || string(v) == "null" {
		return nil, nil //nolint:nilnil // null is a value here
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil || strings.ContainsRune(s, utf8.RuneError) {
		return nil, errUnfaithful
	}
	return &s, nil
}

// list are the objects that a member lists.
func (m members) list(name string) ([]members, error) {
	if isNothing(m[name]) {
		return nil, nil
	}
	var all []members
	if err := json.Unmarshal(m[name], &all); err != nil {
		return nil, errUnfaithful
	}
	return all, nil
}

// object is the object that a member is, or one without members.
func (m members) object(name string) (members, error) {
	if isNothing(m[name]) {
		return members{}, nil
	}
	return parseMembers(m[name])
}

// index is the small number that a member is, zero without one.
func (m members) index(name string) (int, error) {
	if len(m[name]) == 0 {
		return 0, nil
	}
	var n int
	if err := json.Unmarshal(m[name], &n); err != nil || n < 0 || n > maxParts {
		return 0, errUnfaithful
	}
	return n, nil
}

// maxParts bounds the choices, tool calls and blocks of an answer that is turned into its other
// form.
const maxParts = 1024

// toJSON writes a value as JSON does, but for < > &, which stay as they are.
func toJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// add appends a piece of text to one that may not have begun.
func add(to **string, piece *string) {
	if piece == nil {
		return
	}
	if *to != nil {
		joined := **to + *piece
		piece = &joined
	}
	*to = piece
}
