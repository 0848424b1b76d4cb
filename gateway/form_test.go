package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Streams and answers as providers send them.
const (
	streamOpenAI = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abc"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"Hello <b>"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" wörld"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0}}}

data: [DONE]

`
	wholeOpenAI = `{
  "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o-mini",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello <b> wörld", "refusal": null, "annotations": []},
    "logprobs": null, "finish_reason": "stop"}],
  "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 0}},
  "service_tier": "default", "system_fingerprint": "fp_1"}`
	streamTools = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}]},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":"}}]},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"x\"}"}}]},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"go","arguments":"{}"}}]},"finish_reason":null}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"total_tokens":3}}

data: [DONE]

`
	wholeTools = `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[
  {"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"q\":\"x\"}"}},{"id":"call_2","type":"function","function":{"name":"go","arguments":"{}"}}]},
  "logprobs":null,"finish_reason":"tool_calls"}],"usage":{"total_tokens":3}}`
	streamAnthropic = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_read_input_tokens":0,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hel"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"lo"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"tu_1","name":"look","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"q\": "}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"[1, 2.50]}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15}}

event: message_stop
data: {"type":"message_stop"}

`
	wholeAnthropic = `{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},
  {"type":"text","text":"Hello"},{"type":"tool_use","id":"tu_1","name":"look","input":{"q":[1,2.50]}}],
  "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":25,"cache_read_input_tokens":0,"output_tokens":15}}`
)

// meaning is JSON without what says nothing: nulls and empty lists.
func meaning(t interface{ Fatalf(string, ...any) }, data []byte) any {
	var v any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("no JSON: %v: %s", err, data)
	}
	return withoutNothing(v)
}

func withoutNothing(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			member = withoutNothing(member)
			list, isList := member.([]any)
			if member == nil || isList && len(list) == 0 {
				delete(v, name)
			} else {
				v[name] = member
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNothing(v[i])
		}
	}
	return v
}

func TestStreamsBecomeWhole(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ stream, want string }{
		"openai": {streamOpenAI, wholeOpenAI}, "openai tools": {streamTools, wholeTools}, "anthropic": {streamAnthropic, wholeAnthropic},
	} {
		for _, stream := range []string{tt.stream, strings.ReplaceAll(tt.stream, "\n", "\r\n")} {
			got, err := convert([]byte(stream), formStreamUsage, formJSON)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(meaning(t, []byte(tt.want)), meaning(t, got)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

// What is turned into a stream and back is what it was.
func TestWholeBecomesAStreamAndBack(t *testing.T) {
	t.Parallel()
	for name, whole := range map[string]string{"openai": wholeOpenAI, "openai tools": wholeTools, "anthropic": wholeAnthropic} {
		stream, err := convert([]byte(whole), formJSON, formStreamUsage)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !complete(stream, true) {
			t.Errorf("%s: the stream has no end", name)
		}
		back, err := convert(stream, formStreamUsage, formJSON)
		if err != nil {
			t.Errorf("%s back: %v\n%s", name, err, stream)
			continue
		}
		if diff := cmp.Diff(meaning(t, []byte(whole)), meaning(t, back)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	without, err := convert([]byte(streamOpenAI), formStreamUsage, formStream)
	if err != nil || strings.Contains(string(without), "usage") || !strings.HasSuffix(string(without), "data: [DONE]\n\n") {
		t.Errorf("a stream without usage: %v\n%s", err, without)
	}
}

// What the other form cannot say is not turned into it.
func TestUnfaithfulIsRefused(t *testing.T) {
	t.Parallel()
	change := func(of, old, with string) string {
		if !strings.Contains(of, old) {
			t.Fatalf("%q is not in %s", old, of)
		}
		return strings.Replace(of, old, with, 1)
	}
	for name, tt := range map[string]struct {
		body     string
		from, to form
	}{
		"unknown member":          {change(wholeOpenAI, `"created"`, `"provider":"x","created"`), formJSON, formStream},
		"unknown in the message":  {change(wholeOpenAI, `"role"`, `"audio":{"id":"a"},"role"`), formJSON, formStream},
		"unknown in the choice":   {change(wholeOpenAI, `"index"`, `"stop_reason":7,"index"`), formJSON, formStream},
		"log probabilities":       {change(wholeOpenAI, `"logprobs": null`, `"logprobs": {"content":[{}]}`), formJSON, formStream},
		"annotations":             {change(wholeOpenAI, `"annotations": []`, `"annotations": [{"type":"url"}]`), formJSON, formStream},
		"content in parts":        {change(wholeOpenAI, `"Hello <b> wörld"`, `[{"type":"text"}]`), formJSON, formStream},
		"half a character":        {change(wholeOpenAI, `wörld`, `w\ud83drld`), formJSON, formStream},
		"no UTF-8":                {change(wholeOpenAI, "wörld", "w\xf6rld"), formJSON, formStream},
		"no usage":                {change(streamTools, `{"total_tokens":3}`, "null"), formStream, formJSON},
		"no usage, wanted":        {change(wholeTools, `{"total_tokens":3}`, "null"), formJSON, formStreamUsage},
		"not finished":            {change(streamOpenAI, `"stop"`, "null"), formStreamUsage, formJSON},
		"no end":                  {change(streamOpenAI, "data: [DONE]\n\n", ""), formStreamUsage, formJSON},
		"two answers":             {change(streamOpenAI, "chatcmpl-1", "chatcmpl-2"), formStreamUsage, formJSON},
		"filters":                 {change(streamOpenAI, `"usage":null`, `"prompt_filter_results":[1]`), formStreamUsage, formJSON},
		"an endless index":        {change(streamTools, `"index":1`, `"index":99999`), formStreamUsage, formJSON},
		"embeddings":              {`{"object":"list","data":[]}`, formJSON, formStream},
		"anthropic: a tool there": {change(wholeAnthropic, `"type":"text"`, `"type":"web_search_tool_result"`), formJSON, formStream},
		"anthropic: citations":    {change(wholeAnthropic, `"type":"text"`, `"citations":[1],"type":"text"`), formJSON, formStream},
		"anthropic: no end":       {change(streamAnthropic, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", ""), formStream, formJSON},
		"anthropic: open block":   {change(streamAnthropic, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n", ""), formStream, formJSON},
		"anthropic: bad input":    {change(streamAnthropic, `[1, 2.50]}`, `[1, 2.50`), formStream, formJSON},
		"anthropic: error":        {change(streamAnthropic, "event: message_stop", "event: error\ndata: {\"type\":\"error\"}\n\nevent: message_stop"), formStream, formJSON},
	} {
		if got, err := convert([]byte(tt.body), tt.from, tt.to); !errors.Is(err, errUnfaithful) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

func TestOnlyCompleteAnswersAreKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body    string
		streams bool
		want    bool
	}{
		"openai":             {streamOpenAI, true, true},
		"anthropic":          {streamAnthropic, true, true},
		"openai whole":       {wholeOpenAI, false, true},
		"responses":          {"data: {\"type\":\"response.completed\"}\n\n", true, true},
		"says error in text": {strings.Replace(wholeOpenAI, "wörld", "error filter", 1), false, true},
		"error member null":  {`{"error":null,"data":[]}`, false, true},
		"error":              {`{"error":{"message":"overloaded"}}`, false, false},
		"no JSON":            {`{"data":[`, false, false},
		"filtered":           {strings.Replace(wholeOpenAI, `"stop"`, `"content_filter"`, 1), false, false},
		"refused":            {strings.Replace(wholeAnthropic, `"tool_use","stop_seq`, `"refusal","stop_seq`, 1), false, false},
		"to be continued":    {strings.Replace(streamAnthropic, `"stop_reason":"tool_use"`, `"stop_reason":"pause_turn"`, 1), true, false},
		"failed in between":  {"data: {\"error\":{\"code\":500}}\n\ndata: [DONE]\n\n", true, false},
		"an error event":     {"event: error\ndata: {}\n\ndata: [DONE]\n\n", true, false},
		"no end":             {strings.Replace(streamOpenAI, "data: [DONE]\n\n", "", 1), true, false},
		"cut":                {streamAnthropic[:len(streamAnthropic)-1], true, false},
		"nothing":            {"", true, false},
	} {
		if got := complete([]byte(tt.body), tt.streams); got != tt.want {
			t.Errorf("%s: complete %v, want %v", name, got, tt.want)
		}
	}
}

// drawCompletion makes any completion that both forms can say.
func drawCompletion(t *rapid.T) []byte {
	text := func(name string) *string { s := rapid.String().Draw(t, name); return &s }
	maybe := func(name string) *string {
		if rapid.Bool().Draw(t, name+"?") {
			return text(name)
		}
		return nil
	}
	c := completion{
		id: text("id"), model: text("model"), created: json.RawMessage("17"), usage: json.RawMessage(`{"total_tokens":3}`),
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "choices") {
		choice := &completionChoice{
			index: i, role: text("role"), content: maybe("content"), refusal: maybe("refusal"), reasoning: maybe("reasoning"), finish: text("finish"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "calls") {
			kind := "function"
			choice.calls = append(choice.calls, &completionCall{text("call"), &kind, text("name"), text("arguments")})
		}
		if len(choice.calls) > 0 && choice.content != nil && *choice.content == "" {
			choice.content = nil
		}
		c.choices = append(c.choices, choice)
	}
	body, err := c.json()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestAnyCompletionSurvivesItsStream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawCompletion(t)
		if bytes.ContainsRune(want, '\ufffd') {
			return // refused
		}
		stream, err := convert(want, formJSON, formStreamUsage)
		if err != nil {
			t.Fatalf("%v: %s", err, want)
		}
		got, err := convert(stream, formStreamUsage, formJSON)
		if err != nil {
			t.Fatalf("%v: %s", err, stream)
		}
		if diff := cmp.Diff(meaning(t, want), meaning(t, got)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzConvert(f *testing.F) {
	for _, s := range []string{wholeOpenAI, wholeTools, wholeAnthropic} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = complete(body, false)
		stream, err := convert(body, formJSON, formStreamUsage)
		if err != nil {
			return
		}
		back, err := convert(stream, formStreamUsage, formJSON)
		if err != nil {
			t.Fatalf("the stream made of it is not read: %v\n%s", err, stream)
		}
		again, err := convert(back, formJSON, formStreamUsage)
		if err != nil || string(again) != string(stream) {
			t.Fatalf("%v: once more it is\n%s\nand was\n%s", err, again, stream)
		}
	})
}
