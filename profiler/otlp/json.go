package otlp

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
)

// The JSON form of OTLP: ids are hexadecimal, and 64-bit numbers texts or numbers.
type (
	jsonRequest struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []jsonAttribute `json:"attributes"`
			} `json:"resource"`
			ScopeSpans []struct {
				Spans []jsonSpan `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	jsonSpan struct {
		TraceID      string          `json:"traceId"`
		SpanID       string          `json:"spanId"`
		ParentSpanID string          `json:"parentSpanId"`
		Name         string          `json:"name"`
		Start        jsonNumber      `json:"startTimeUnixNano"`
		End          jsonNumber      `json:"endTimeUnixNano"`
		Attributes   []jsonAttribute `json:"attributes"`
		Status       struct {
			Message string          `json:"message"`
			Code    json.RawMessage `json:"code"`
		} `json:"status"`
	}
	jsonAttribute struct {
		Key   string `json:"key"`
		Value struct {
			String string     `json:"stringValue"`
			Int    jsonNumber `json:"intValue"`
		} `json:"value"`
	}
	jsonNumber int64
)

// UnmarshalJSON takes a number, or a text that is one.
func (n *jsonNumber) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	if text == "null" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q is not a whole number", text)
	}
	*n = jsonNumber(v)
	return nil
}

// readJSON reads an ExportTraceServiceRequest.
func readJSON(body []byte) (*batch, error) {
	var request jsonRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("body: %w; it must be an ExportTraceServiceRequest in JSON", err)
	}
	b := &batch{}
	for _, r := range request.ResourceSpans {
		service := ""
		for _, a := range r.Resource.Attributes {
			if a.Key == "service.name" {
				service = clip(a.Value.String)
			}
		}
		for _, scope := range r.ScopeSpans {
			for i := range scope.Spans {
				s := scope.Spans[i].span()
				s.service = service
				b.add(s)
			}
		}
	}
	return b, nil
}

func (j *jsonSpan) span() span {
	s := span{name: clip(j.Name), start: int64(j.Start), end: int64(j.End), message: clip(j.Status.Message)}
	code := string(j.Status.Code)
	s.failed = code == "2" || code == `"STATUS_CODE_ERROR"`
	takeHex(s.trace[:], j.TraceID)
	takeHex(s.id[:], j.SpanID)
	takeHex(s.parent[:], j.ParentSpanID)
	for _, a := range j.Attributes[:min(len(j.Attributes), maxAttributes)] {
		s.attribute(a.Key, a.Value.String, int64(a.Value.Int))
	}
	return s
}

func takeHex(id []byte, text string) {
	if data, err := hex.DecodeString(text[:min(len(text), 64)]); err == nil {
		take(id, data)
	}
}
