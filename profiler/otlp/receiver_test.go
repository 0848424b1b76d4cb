package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func send(r *Receiver, form, encoding string, body []byte) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/traces", bytes.NewReader(body))
	req.Header.Set("Content-Type", form)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func zipped(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(data)
	must(tb, err)
	must(tb, w.Close())
	return buf.Bytes()
}

// asked is a run of an agent that asks a model twice and a tool beside the second time.
func asked() message {
	return request("rag",
		spanOf(1, 0, "invoke_agent", 0, 10, text("gen_ai.agent.name", "planner")),
		spanOf(2, 1, "chat", 1, 4, text("gen_ai.request.model", "m"), whole("gen_ai.usage.input_tokens", 100), whole("gen_ai.usage.output_tokens", 20)),
		spanOf(3, 1, "search", 5, 7, text("gen_ai.tool.name", "search")),
		spanOf(4, 1, "chat", 5, 9, whole("gen_ai.usage.prompt_tokens", 50), whole("gen_ai.usage.completion_tokens", 5)),
		spanOf(5, 4, "embed", 6, 8, text("agent.name", "embedder")).bytes(15, message{}.bytes(2, []byte("refused")).number(3, 2)))
}

func TestTrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, p := newReceiver(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		if w := send(r, formBinary, "gzip", zipped(t, asked())); w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("answer %d %q", w.Code, w.Body)
		}
		if s := r.Report().Stats; s.Gathered != 5 || s.Traces != 0 {
			t.Errorf("at once %+v", s)
		}
		time.Sleep(quiet + 2*closeEvery)
		report := r.Report()
		// The agent's own: 0–1, 4–5, 9–10; chat 1–4, 5–6, 8–9; embed 6–8; search is beside it.
		want := []Total{
			{Name: "rag: chat", Calls: 2, TotalSeconds: 7, SelfSeconds: 5, CriticalSeconds: 5, InputTokens: 150, OutputTokens: 25},
			{Name: "rag: invoke_agent", Calls: 1, TotalSeconds: 10, SelfSeconds: 3, CriticalSeconds: 3},
			{Name: "rag: embed", Calls: 1, Errors: 1, TotalSeconds: 2, SelfSeconds: 2, CriticalSeconds: 2},
			{Name: "rag: search", Calls: 1, TotalSeconds: 2, SelfSeconds: 2},
		}
		if diff := cmp.Diff(want, report.Operations); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
		agents := fmt.Sprintf("%s %v, %s %v", report.Agents[0].Name, report.Agents[0].CriticalSeconds, report.Agents[1].Name, report.Agents[1].CriticalSeconds)
		if agents != "planner 8, embedder 2" {
			t.Errorf("agents %s", agents)
		}
		run := report.Runs[0]
		if run.Name != "rag: invoke_agent" || run.Seconds != 10 || run.InputTokens != 150 || len(run.Steps) != 3 ||
			run.Steps[0] != (Step{Operation: "rag: chat", Agent: "planner", Model: "m", Calls: 2, CriticalSeconds: 5}) {
			t.Errorf("run %+v", run)
		}
		s, _ := p.Function("rag: chat")
		if s.Calls != 2 || s.TotalSeconds != 7 || s.SelfSeconds != 5 || s.Exemplars[0].TraceID != "74726163652d30313233343536373839" {
			t.Errorf("chat as a function: %+v", s)
		}
		if s, _ := p.Function("rag: embed"); s.Errors != 1 || s.RecentErrors[0].Error != "refused" || s.RecentErrors[0].Labels["agent"] != "embedder" {
			t.Errorf("embed as a function: %+v", s)
		}
		cancel()
		must(t, <-done)
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r, p := newReceiver(t)
	w := send(r, formJSON+"; charset=utf-8", "", []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"api"}}]},
		"scopeSpans":[{"spans":[
			{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"ask","kind":2,
			 "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"status":{"code":"STATUS_CODE_ERROR","message":"no"},
			 "attributes":[{"key":"gen_ai.usage.input_tokens","value":{"intValue":"7"}},{"key":"llm.token_count.completion","value":{"intValue":3}}]},
			{"traceId":"00","spanId":"EEE19B7EC3C1B175","name":"bad"}]}]}]}`))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"rejectedSpans":"1"`) || !strings.Contains(w.Body.String(), "traceId: must be 16 bytes") {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	r.closeQuiet(time.Now(), true)
	if s, _ := p.Function("api: ask"); s.Calls != 1 || s.Errors != 1 || s.TotalSeconds != 1 {
		t.Errorf("%+v", s)
	}
	if o := r.Report().Operations; len(o) != 1 || o[0].InputTokens != 7 || o[0].OutputTokens != 3 {
		t.Errorf("%+v", o)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r, _ := newReceiver(t)
	huge := bytes.Repeat([]byte{0}, maxBodyBytes+1)
	for name, c := range map[string]struct {
		form, encoding string
		body           []byte
		code           int
		says           string
	}{
		"type":       {"text/plain", "", nil, 415, "Content-Type: must be application/x-protobuf or application/json"},
		"no type":    {"", "", nil, 415, "Content-Type"},
		"encoding":   {formBinary, "br", nil, 415, "Content-Encoding: must be gzip or none"},
		"gzip":       {formBinary, "gzip", []byte("no"), 400, "corrupt gzip"},
		"protobuf":   {formBinary, "", []byte{0xff}, 400, "corrupt protobuf"},
		"inside":     {formBinary, "", request("s", message{0xff}), 400, "corrupt protobuf"},
		"json":       {formJSON, "", []byte("{"), 400, "body: "},
		"json type":  {formJSON, "", []byte(`{"resourceSpans":{}}`), 400, "must be an ExportTraceServiceRequest"},
		"number":     {formJSON, "", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"x"}]}]}]}`), 400, "is not a whole number"},
		"large":      {formBinary, "", huge, 413, "at most 4194304 bytes"},
		"large, zip": {formBinary, "gzip", zipped(t, huge), 413, "at most 4194304 bytes unzipped"},
	} {
		w := send(r, c.form, c.encoding, c.body)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %q, want %d and %q", name, w.Code, w.Body, c.code, c.says)
		}
	}
	for range maxAtOnce {
		r.slots <- struct{}{}
	}
	if w := send(r, formJSON, "", []byte("{}")); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("a fifth at once: %d", w.Code)
	}
	if s := r.Report().Stats; s.Refused != 12 || s.Requests != 0 {
		t.Errorf("stats %+v", s)
	}
	var none *Receiver
	if report := none.Report(); report.Stats.Enabled || report.Operations == nil || report.Agents == nil || report.Runs == nil {
		t.Errorf("a nil receiver's report %+v", report)
	}
}

func TestInvalidSpans(t *testing.T) {
	t.Parallel()
	for says, m := range map[string]message{
		"spanId":          spanOf(0, 0, "f", 0, 1)[:18].fixed(7, second).fixed(8, second).bytes(5, []byte("f")),
		"name":            spanOf(1, 0, "", 0, 1),
		"endTimeUnixNano": spanOf(1, 0, "f", 2, 1),
		"within 24 h":     spanOf(1, 0, "f", 0, 100_000),
	} {
		b, err := readProtobuf(request("s", m))
		must(t, err)
		if b.rejected != 1 || len(b.spans) != 0 || !strings.Contains(b.reason, says) {
			t.Errorf("%s: %+v", says, b)
		}
	}
	many := make([]message, maxSpans+2)
	for i := range many {
		many[i] = spanOf(1, 0, "f", 0, 1)
	}
	b, err := readProtobuf(request("s", many...))
	must(t, err)
	if len(b.spans) != maxSpans || b.rejected != 2 || !strings.Contains(b.reason, "at most 10,000") {
		t.Errorf("%d spans, %d rejected: %s", len(b.spans), b.rejected, b.reason)
	}
}
