package llm_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/gateway/llm"
)

const ms = time.Millisecond

// meter reads a body in pieces of n bytes, the k-th of which comes k ms after the request.
func meter(m *llm.Meter, body string, n int) llm.Answer {
	at := time.Duration(0)
	for p := []byte(body); len(p) > 0; {
		k := min(n, len(p))
		at += ms
		m.Write(p[:k], at)
		p = p[k:]
	}
	return m.End()
}

const (
	chatObject = `{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant",
		"content":"usage \"model\": no","tool_calls":[{"function":{"arguments":"{\"usage\":{\"prompt_tokens\":1}}"}}]},"finish_reason":"tool_calls"}],
		"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":64},
		"completion_tokens_details":{"reasoning_tokens":12}},"service_tier":"default"}`
	chatStream = `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}],"usage":null}

: a comment

data: {"model":"m","choices":[{"index":0,"delta":{"content":" you"},"finish_reason":null}],"usage":null}

data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":null}

data: {"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}

data: [DONE]

`
	messageObject = `{"id":"msg","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{"type":"text","text":"hi"}],
		"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":300,"cache_read_input_tokens":2000,
		"cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":100},"output_tokens":40,"service_tier":"standard"}}`
	messageStream = "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude\",\"usage\":{\"input_tokens\":10," +
		"\"cache_read_input_tokens\":90,\"output_tokens\":1}}}\r\n\r\n" +
		"event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n" +
		"event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\r\n\r\n" +
		"event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\r\n\r\n" +
		"event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\r\n\r\n" +
		"event: message_delta\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"output_tokens\":33}}\r\n\r\n" +
		"event: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n"
	responseObject = `{"id":"r","object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"gpt-5",
		"output":[{"type":"message","status":"completed"}],"service_tier":"flex","usage":{"input_tokens":50,
		"input_tokens_details":{"cached_tokens":10},"output_tokens":30,"output_tokens_details":{"reasoning_tokens":25}},"error":null}`
	responseStream = `event: response.created
data: {"type":"response.created","response":{"model":"gpt-5","status":"in_progress","usage":null}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","delta":"He"}

event: response.output_text.delta
data: {"type":"response.output_text.delta","delta":"y"}

event: response.completed
data: {"type":"response.completed","response":{"model":"gpt-5","status":"completed","usage":{"input_tokens":5,"output_tokens":2}}}

`
	embeddings = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3,3]}],"model":"text-embedding-3-small",` +
		`"usage":{"prompt_tokens":8,"total_tokens":8}}`
)

func TestMeter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		api        llm.API
		stream     bool
		want       llm.Answer
	}{
		{"a chat completion", chatObject, llm.ChatCompletions, false, llm.Answer{
			Model: "gpt-4o-2024-08-06", Usage: llm.Usage{Input: 100, CachedInput: 64, Output: 20, Reasoning: 12}, UsageKnown: true,
			Finish: "tool",
		}},
		{"a streamed one", chatStream, llm.ChatCompletions, true, llm.Answer{
			Model: "m", Usage: llm.Usage{Input: 7, Output: 2}, UsageKnown: true, Finish: "length", Whole: true, Pieces: 2,
		}},
		{"a streamed one without usage", strings.Replace(chatStream, `"usage":{`, `"x":{`, 1), llm.ChatCompletions, true, llm.Answer{
			Model: "m", Finish: "length", Whole: true, Pieces: 2,
		}},
		{"a stream that breaks off", chatStream[:300], llm.ChatCompletions, true, llm.Answer{Model: "m", Pieces: 1}},
		{"a stream without its last line", strings.TrimRight(chatStream, "\n"), llm.ChatCompletions, true, llm.Answer{
			Model: "m", Usage: llm.Usage{Input: 7, Output: 2}, UsageKnown: true, Finish: "length", Whole: true, Pieces: 2,
		}},
		{
			"reasoning, and calls of tools", `data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}` + "\n\n" +
				`data: {"choices":[{"delta":{"reasoning":"hm"}}]}` + "\n\n" +
				`data: {"choices":[{"delta":{"content":null,"tool_calls":[{"index":0}]}}]}` + "\n\n" +
				`data: {"choices":[{"delta":{"content":null,"tool_calls":[]}}]}` + "\n\n", llm.ChatCompletions, true, llm.Answer{Pieces: 3},
		},
		{"DeepSeek's cache", `{"usage":{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"completion_tokens":1}}`, llm.ChatCompletions, false, llm.Answer{
			Usage: llm.Usage{Input: 9, CachedInput: 4, Output: 1}, UsageKnown: true,
		}},
		{"a message", messageObject, llm.Messages, false, llm.Answer{
			Model:      "claude-sonnet-4-5-20250929",
			Usage:      llm.Usage{Input: 2310, CachedInput: 2000, CacheWrite: 300, CacheWriteHour: 100, Output: 40},
			UsageKnown: true, Finish: "stop",
		}},
		{"a streamed message", messageStream, llm.Messages, true, llm.Answer{
			Model: "claude", Usage: llm.Usage{Input: 100, CachedInput: 90, Output: 33}, UsageKnown: true, Finish: "length", Whole: true, Pieces: 3,
		}},
		{"a message that failed", "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", llm.Messages, true, llm.Answer{
			Failed: true,
		}},
		{"a response", responseObject, llm.Responses, false, llm.Answer{
			Model: "gpt-5", Tier: "flex", Usage: llm.Usage{Input: 50, CachedInput: 10, Output: 30, Reasoning: 25}, UsageKnown: true, Finish: "length",
		}},
		{"a streamed response", responseStream, llm.Responses, true, llm.Answer{
			Model: "gpt-5", Usage: llm.Usage{Input: 5, Output: 2}, UsageKnown: true, Finish: "stop", Whole: true, Pieces: 2,
		}},
		{"embeddings", embeddings, llm.Embeddings, false, llm.Answer{
			Model: "text-embedding-3-small", Usage: llm.Usage{Input: 8}, UsageKnown: true,
		}},
		{"an error", `{"error":{"message":"no"}}`, llm.ChatCompletions, false, llm.Answer{Failed: true}},
		{"another shape", `[{"hello":"usage"},1]`, llm.ChatCompletions, false, llm.Answer{}},
		{"no JSON", "<html>usage</html>", llm.Messages, true, llm.Answer{}},
		{"usage that makes no sense", `{"usage":{"prompt_tokens":-1,"completion_tokens":3}}`, llm.ChatCompletions, false, llm.Answer{
			Usage: llm.Usage{Input: -1, Output: 3},
		}},
		{"more cached than read", `{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":2}}}`, llm.ChatCompletions, false, llm.Answer{
			Usage: llm.Usage{Input: 1, CachedInput: 2},
		}},
		{"usage of another type", `{"usage":"none","model":5}`, llm.ChatCompletions, false, llm.Answer{Model: "5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.want.Read = true
			for _, n := range []int{1, 2, 5, 64, len(tt.body)} {
				got := meter(llm.NewMeter(tt.api, tt.stream, ""), tt.body, n)
				if got.Pieces > 0 && got.FirstPiece <= 0 || got.LastPiece < got.FirstPiece {
					t.Errorf("in pieces of %d: pieces came at %v to %v", n, got.FirstPiece, got.LastPiece)
				}
				got.FirstPiece, got.LastPiece = 0, 0
				if !got.UsageKnown {
					got.Usage, tt.want.Usage = llm.Usage{}, llm.Usage{}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("in pieces of %d: %s", n, diff)
				}
			}
		})
	}
}

func TestMeterTellsTimes(t *testing.T) {
	t.Parallel()
	m := llm.NewMeter(llm.ChatCompletions, true, "")
	var gaps []time.Duration
	m.Gap = func(d time.Duration) { gaps = append(gaps, d) }
	say := func(content string, at time.Duration) {
		m.Write([]byte(`data: {"choices":[{"delta":{"content":"`+content+`"}}]}`+"\n\n"), at)
	}
	say("", 10*ms) // the first chunk only says the role
	say("a", 50*ms)
	say("b", 60*ms)
	say("c", 90*ms)
	got := m.End()
	if got.FirstPiece != 50*ms || got.LastPiece != 90*ms || got.Pieces != 3 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]time.Duration{10 * ms, 30 * ms}, gaps); diff != "" {
		t.Error(diff)
	}
}

func TestMeterOfCompressedAnswers(t *testing.T) {
	t.Parallel()
	pack := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	got := meter(llm.NewMeter(llm.ChatCompletions, true, "gzip"), pack(chatStream), 10)
	if !got.UsageKnown || got.Usage.Output != 2 || got.FirstPiece != 0 || !got.Read {
		t.Errorf("gzip: %+v", got)
	}
	got = meter(llm.NewMeter(llm.ChatCompletions, false, "gzip"), pack(chatObject)[:100], 10)
	if got.UsageKnown {
		t.Errorf("gzip that breaks off: %+v", got)
	}
	// 9 MiB of nothing, and then the usage: it is not read that far.
	bomb := pack(`{"x":"` + strings.Repeat(" ", 9<<20) + `","usage":{"prompt_tokens":1}}`)
	if got = meter(llm.NewMeter(llm.ChatCompletions, false, "gzip"), bomb, len(bomb)); got.UsageKnown {
		t.Errorf("a bomb was read to its end: %+v", got)
	}
	for _, coding := range []string{"br", "zstd", "gzip, br"} {
		if got = meter(llm.NewMeter(llm.ChatCompletions, false, coding), chatObject, 10); got.Read || got.UsageKnown {
			t.Errorf("%s was read: %+v", coding, got)
		}
	}
	if got = meter(llm.NewMeter(llm.ChatCompletions, false, "gzip"), "no gzip", 10); got.Read {
		t.Errorf("no gzip: %+v", got)
	}
}

// What a meter says does not depend on the pieces in which the body comes.
func FuzzMeter(f *testing.F) {
	for _, body := range []string{chatObject, chatStream, messageObject, messageStream, responseObject, responseStream, embeddings} {
		f.Add([]byte(body), 1, int(llm.ChatCompletions), strings.Contains(body, "data:"), "")
	}
	f.Add([]byte("data:x\rdata:y\r\n\rdata: [DONE]"), 2, int(llm.Messages), true, "gzip")
	f.Fuzz(func(t *testing.T, body []byte, n, api int, stream bool, coding string) {
		one := meter(llm.NewMeter(llm.API(api), stream, coding), string(body), len(body)+1)
		many := meter(llm.NewMeter(llm.API(api), stream, coding), string(body), max(min(n, 1000), 1))
		one.FirstPiece, one.LastPiece, many.FirstPiece, many.LastPiece = 0, 0, 0, 0
		if diff := cmp.Diff(one, many); diff != "" {
			t.Fatal(diff)
		}
		if u := one.Usage; one.UsageKnown && (u.Input < 0 || u.Output < 0 || u.CachedInput > u.Input || u.Reasoning > u.Output) {
			t.Fatalf("usage %+v", u)
		}
	})
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path, body string
		want             llm.Asked
	}{
		{
			"the model comes last", "/v1/chat/completions",
			`{"messages":[{"role":"user","content":"{\"model\":\"no\"}"}],"stream":true,"max_completion_tokens":9,"model":"gpt-4o"}`,
			llm.Asked{Model: "gpt-4o", Stream: true, MaxOutput: 9},
		},
		{"Anthropic's", "/v1/messages", `{"model":"claude","max_tokens":1024,"stream":false}`, llm.Asked{Model: "claude", MaxOutput: 1024}},
		{"a deployment", "/openai/deployments/four-o/chat/completions", `{"messages":[]}`, llm.Asked{Model: "four-o"}},
		{"no model", "/v1/messages", `{"text":"hello","to":{"model":"x"}}`, llm.Asked{}},
		{"a model that is none", "/v1/messages", `{"model":null}`, llm.Asked{}},
		{"a model that cannot be shown", "/v1/messages", `{"model":"a\u0007"}`, llm.Asked{}},
		{"no JSON", "/v1/embeddings", `model=x`, llm.Asked{}},
		{"a strange bound", "/v1/embeddings", `{"max_tokens":"many","model":"m","max_output_tokens":-3}`, llm.Asked{Model: "m"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := llm.NewRequest(llm.Recognise("POST", tt.path), tt.path)
			for i := range len(tt.body) {
				r.Write([]byte(tt.body[i : i+1]))
			}
			tt.want.Bytes = int64(len(tt.body))
			if diff := cmp.Diff(tt.want, r.Asked()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]llm.API{
		"POST /v1/chat/completions":                 llm.ChatCompletions,
		"POST /proxy/openai/v1/chat/completions":    llm.ChatCompletions,
		"POST /openai/deployments/x/embeddings":     llm.Embeddings,
		"POST /v1/responses":                        llm.Responses,
		"POST /v1/messages":                         llm.Messages,
		"POST /v1/completions":                      llm.Completions,
		"GET /v1/models":                            llm.Models,
		"GET /v1/chat/completions":                  llm.None,
		"POST /messages":                            llm.None,
		"POST /v1/messages/count_tokens":            llm.None,
		"POST /v1/responses/r_1/cancel":             llm.None,
		"DELETE /v1/models":                         llm.None,
		"POST /v1/chat/completions/../../../secret": llm.None,
	} {
		method, path, _ := strings.Cut(target, " ")
		if got := llm.Recognise(method, path); got != want {
			t.Errorf("%s: got %v, want %v", target, got, want)
		}
	}
}
