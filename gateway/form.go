package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
)

// form is how an answer to a question comes. Those to other requests have none.
type form int

const (
	formNone        form = iota
	formJSON             // in one piece
	formStream           // as events
	formStreamUsage      // as events, with the usage at the end
)

// convert turns the body of an answer into another form of it. It fails with [errUnfaithful]
// where something would be lost.
func convert(body []byte, from, to form) ([]byte, error) {
	if from == formJSON {
		return toStream(body, to)
	}
	events, whole := parseEvents(body)
	if !whole || len(events) == 0 {
		return nil, errUnfaithful
	}
	if c, err := parseChunks(events); err == nil {
		if to == formJSON {
			return c.json()
		}
		return c.stream(to == formStreamUsage)
	}
	a, err := parseMessageEvents(events)
	if err != nil || to != formJSON {
		return nil, errUnfaithful // of messages there is one form of stream
	}
	return a.json()
}

func toStream(body []byte, to form) ([]byte, error) {
	if c, err := parseCompletion(body); err == nil {
		return c.stream(to == formStreamUsage)
	}
	a, err := parseMessage(body)
	if err != nil {
		return nil, err
	}
	return a.stream()
}

// as is the answer in another form.
func (a *answer) as(to form) (*answer, error) {
	body, err := convert(a.body, a.form, to)
	if err != nil {
		return nil, err
	}
	out := *a
	out.header = a.ownHeader()
	out.body, out.form = body, to
	out.header["Content-Type"] = []string{"application/json"}
	if to != formJSON {
		out.header["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	}
	return &out, nil
}

// complete reports whether a body is an answer to its end, and none that says it failed, was
// filtered or is to be continued.
func complete(body []byte, streams bool) bool {
	if !streams {
		return json.Valid(body) && acceptable(body)
	}
	events, whole := parseEvents(body)
	if !whole || len(events) == 0 {
		return false
	}
	last := events[len(events)-1]
	if !bytes.Equal(last.data, done) && kindOf(last.data) != "message_stop" && kindOf(last.data) != "response.completed" {
		return false
	}
	for _, e := range events {
		if e.name == "error" || !bytes.Equal(e.data, done) && !acceptable(e.data) {
			return false
		}
	}
	return true
}

// kindOf is the member type of an object.
func kindOf(data []byte) string {
	var v struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &v) != nil {
		return ""
	}
	return v.Type
}

// suspicious are words without which an answer cannot be unacceptable, so that most need not be
// read.
var suspicious = [][]byte{[]byte("error"), []byte("filter"), []byte("refusal"), []byte("pause_turn"), []byte("incomplete")}

// acceptable reports whether an object, or an event's, neither is an error nor ends with one.
func acceptable(data []byte) bool {
	if !slices.ContainsFunc(suspicious, func(word []byte) bool { return bytes.Contains(data, word) }) {
		return true
	}
	var v struct {
		Type    string          `json:"type"`
		Error   json.RawMessage `json:"error"`
		Status  string          `json:"status"`
		Stop    string          `json:"stop_reason"`
		Choices []struct {
			Finish string `json:"finish_reason"`
		} `json:"choices"`
		Delta json.RawMessage `json:"delta"`
	}
	if json.Unmarshal(data, &v) != nil {
		return false
	}
	ends := []string{v.Stop, v.Status}
	var delta struct {
		Stop string `json:"stop_reason"`
	}
	if json.Unmarshal(v.Delta, &delta) == nil {
		ends = append(ends, delta.Stop)
	}
	for _, c := range v.Choices {
		ends = append(ends, c.Finish)
	}
	for _, end := range ends {
		switch end {
		case "error", "content_filter", "refusal", "pause_turn", "incomplete", "failed":
			return false
		}
	}
	return v.Type != "error" && isNothing(v.Error)
}

// shown are the headers of an answer to a question that are true of it for whoever gets it later.
// Limits, ids and cookies are those of one request.
func shown(h http.Header) http.Header {
	kept := http.Header{}
	for _, name := range []string{
		"Access-Control-Allow-Credentials", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Cache-Control",
		"Content-Encoding", "Content-Language", "Content-Type", "Date", "Openai-Version", "Retry-After", "Vary",
	} {
		if v, ok := h[name]; ok {
			kept[name] = v
		}
	}
	return kept
}
