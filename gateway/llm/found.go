package llm

// What is looked for in an answer, or in an event of one.
const (
	sayModel = iota
	sayMessageModel
	sayResponseModel
	sayUsage
	sayMessageUsage
	sayResponseUsage
	sayTier
	sayResponseTier
	sayType
	sayFinish
	sayStop
	sayDeltaStop
	sayStatus
	sayResponseStatus
	sayIncomplete
	sayResponseIncomplete
	sayError
	sayContent // and on: something was said
)

// answerWants are in the order of the constants.
var answerWants = []wanted{
	sayModel: {path: "model"}, sayMessageModel: {path: "message.model"}, sayResponseModel: {path: "response.model"},
	sayUsage: {path: "usage"}, sayMessageUsage: {path: "message.usage"}, sayResponseUsage: {path: "response.usage"},
	sayTier: {path: "service_tier"}, sayResponseTier: {path: "response.service_tier"},
	sayType:   {path: "type"},
	sayFinish: {path: "choices.*.finish_reason"}, sayStop: {path: "stop_reason"}, sayDeltaStop: {path: "delta.stop_reason"},
	sayStatus: {path: "status"}, sayResponseStatus: {path: "response.status"},
	sayIncomplete:         {path: "incomplete_details.reason"},
	sayResponseIncomplete: {path: "response.incomplete_details.reason"},
	sayError:              {path: "error", measure: true},

	sayContent:      {path: "choices.*.delta.content", measure: true},
	sayContent + 1:  {path: "choices.*.delta.reasoning_content", measure: true},
	sayContent + 2:  {path: "choices.*.delta.reasoning", measure: true},
	sayContent + 3:  {path: "choices.*.delta.refusal", measure: true},
	sayContent + 4:  {path: "choices.*.delta.tool_calls", measure: true},
	sayContent + 5:  {path: "choices.*.delta.function_call", measure: true},
	sayContent + 6:  {path: "choices.*.text", measure: true},
	sayContent + 7:  {path: "delta", measure: true},
	sayContent + 8:  {path: "delta.text", measure: true},
	sayContent + 9:  {path: "delta.thinking", measure: true},
	sayContent + 10: {path: "delta.partial_json", measure: true},
}

// null is a value that says nothing. A text of this word is no better: nothing is called so.
const null = "null"

// found is told a value of the answer.
func (m *Meter) found(i int, value []byte, size int) {
	a := &m.answer
	if string(value) == null {
		return
	}
	switch i {
	case sayModel, sayMessageModel, sayResponseModel:
		if string(value) == a.Model {
			return // as each event says
		}
		if model := name(text(value)); model != "" {
			a.Model = model
		}
	case sayUsage, sayMessageUsage, sayResponseUsage:
		m.counted.add(value)
	case sayTier, sayResponseTier:
		a.Tier = tier(string(value))
	case sayType:
		m.kind = append(m.kind[:0], value...)
		a.Failed = a.Failed || string(value) == "error"
	case sayFinish, sayStop, sayDeltaStop:
		a.Finish = finish(string(value))
	case sayStatus, sayResponseStatus:
		m.status(string(value))
	case sayIncomplete, sayResponseIncomplete:
		a.Finish = finish(string(value))
	case sayError:
		a.Failed = a.Failed || size > 0
	default:
		m.said = m.said || size > 0
	}
}

// status is that of an answer of [Responses].
func (m *Meter) status(s string) {
	switch s {
	case "failed":
		m.answer.Failed = true
	case "completed":
		m.answer.Finish = "stop"
	}
}

// tier is a class of service that has a price of its own, or empty.
func tier(s string) string {
	switch s {
	case "default", "standard", "auto", "":
		return ""
	}
	return name(s)
}

// finish is why an answer ended: one word for each meaning, and other for what has none here.
func finish(s string) string {
	switch s {
	case "stop", "end_turn", "stop_sequence", "eos":
		return "stop"
	case "length", "max_tokens", "max_output_tokens", "model_context_window_exceeded":
		return "length"
	case "tool_calls", "tool_use", "function_call":
		return "tool"
	case "content_filter", "refusal":
		return "filter"
	}
	return "other"
}
