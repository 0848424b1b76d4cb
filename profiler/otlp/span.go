package otlp

import (
	"errors"
	"time"
)

// Bounds of one request.
const (
	maxBodyBytes  = 4 << 20
	maxSpans      = 10_000
	maxTextBytes  = 200
	maxAttributes = 128 // of a span that are looked at
)

// span is what is kept of a span.
type span struct {
	trace      [16]byte
	id, parent [8]byte
	service    string
	name       string
	start, end int64 // Unix nanoseconds
	failed     bool
	message    string

	agent, tool, model, operation string
	input, output                 int64 // tokens
}

func (s *span) duration() time.Duration { return time.Duration(s.end - s.start) }

// operationName is what the span is recorded under.
func (s *span) operationName() string {
	if s.service == "" {
		return s.name
	}
	return s.service + ": " + s.name
}

// check says why a span cannot be used.
func (s *span) check() error {
	switch {
	case s.trace == [16]byte{}:
		return errors.New("traceId: must be 16 bytes that are not all zero")
	case s.id == [8]byte{}:
		return errors.New("spanId: must be 8 bytes that are not all zero")
	case s.start <= 0 || s.end < s.start:
		return errors.New("endTimeUnixNano: must not be before startTimeUnixNano, which must not be 0")
	case s.end-s.start > int64(24*time.Hour):
		return errors.New("endTimeUnixNano: must be within 24 h of startTimeUnixNano")
	case s.name == "":
		return errors.New("name: must not be empty")
	}
	return nil
}

// attribute takes what the conventions name: the GenAI ones of OpenTelemetry, today's and earlier, and
// those of OpenInference.
func (s *span) attribute(key, text string, number int64) {
	switch key {
	case "gen_ai.agent.name", "agent.name", "graph.node.id":
		s.agent = clip(text)
	case "gen_ai.agent.id":
		if s.agent == "" {
			s.agent = clip(text)
		}
	case "gen_ai.tool.name", "tool.name":
		s.tool = clip(text)
	case "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "embedding.model_name":
		s.model = clip(text)
	case "gen_ai.operation.name", "openinference.span.kind":
		s.operation = clip(text)
	case "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt":
		s.input = max(number, 0)
	case "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion":
		s.output = max(number, 0)
	}
}

func clip(s string) string {
	if len(s) > maxTextBytes {
		s = s[:maxTextBytes]
	}
	return string([]byte(s)) // shares nothing with the request
}

// batch is what a request holds.
type batch struct {
	spans    []span
	rejected int
	reason   string // why the first was
}

// add takes a span, or counts it as rejected.
func (b *batch) add(s span) {
	err := s.check()
	if err == nil && len(b.spans) >= maxSpans {
		err = errors.New("spans: must be at most 10,000 in a request; export smaller batches")
	}
	if err != nil {
		b.rejected++
		if b.reason == "" {
			b.reason = err.Error()
		}
		return
	}
	b.spans = append(b.spans, s)
}
