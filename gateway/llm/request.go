package llm

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
)

// maxName is the longest name of a model, an agent and so on that is kept.
const maxName = 128

// What is looked for in a request.
const (
	askModel = iota
	askStream
	askMaxTokens
	askMaxCompletion
	askMaxOutput
)

var requestWants = []wanted{
	askModel: {path: "model"}, askStream: {path: "stream"}, askMaxTokens: {path: "max_tokens"},
	askMaxCompletion: {path: "max_completion_tokens"}, askMaxOutput: {path: "max_output_tokens"},
}

// Request reads the body of a request as it passes, in pieces of any size. It keeps nothing of it
// but what it looks for, and never fails. One goroutine may write while others read.
type Request struct {
	api API

	mu     sync.Mutex // guards the fields below
	scan   *scanner
	asked  Asked
	length int64
}

// Asked is what a request asks for, as far as it is known.
type Asked struct {
	// Model is the model's name, empty if the request has shown none: then it is none of a
	// language model.
	Model string
	// Stream says that the answer is wanted as it is made.
	Stream bool
	// MaxOutput is the bound on the tokens of the answer; zero means that none was set.
	MaxOutput int64
	// Bytes are those of the body so far.
	Bytes int64
}

// NewRequest returns a reader of a request to the interface. The path may name the model.
func NewRequest(api API, path string) *Request {
	r := &Request{api: api}
	r.asked.Model = name(deployment(path))
	r.scan = newScanner(requestWants, r.found)
	return r
}

// Write reads on. It takes everything.
func (r *Request) Write(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.length += int64(len(p))
	r.scan.write(p)
}

func (r *Request) found(i int, value []byte, _ int) {
	switch i {
	case askModel:
		if model := name(text(value)); model != "" && string(value) != "null" {
			r.asked.Model = model
		}
	case askStream:
		r.asked.Stream = string(value) == "true"
	default:
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && n > 0 {
			r.asked.MaxOutput = n
		}
	}
}

// Asked returns what is known by now.
func (r *Request) Asked() Asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	asked.Bytes = r.length
	return asked
}

// text is a text of JSON without its quotes, as it is meant.
func text(raw []byte) string {
	s := string(raw)
	if !strings.Contains(s, `\`) {
		return s
	}
	if json.Unmarshal([]byte(`"`+s+`"`), &s) != nil {
		return ""
	}
	return s
}

// name is s if it can be shown as a name, and empty otherwise.
func name(s string) string {
	if len(s) > maxName || !printable(s) {
		return ""
	}
	return strings.Clone(s)
}
