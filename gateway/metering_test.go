package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/gateway/llm"
)

const (
	chatPath = "/v1/chat/completions"
	chatAsk  = `{"messages":[{"role":"user","content":"hi"}],"model":"gpt-4o","stream":true,"max_tokens":100}`
	chatSays = `{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},` +
		`"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}`
	chatCost = (1000*2.5 + 100*10) / 1e6
)

// sse is a server that sends its events one by one.
func sse(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			fmt.Fprintf(w, "data: %s\n\n", e)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func tokenEvent(content string) string {
	return `{"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"` + content + `"},"finish_reason":null}],"usage":null}`
}

// recorded waits until so many calls of language models are in the accounts: they get there with the
// end of the answer's body, which the client may see before.
func (r *rig) recorded(n uint64) llm.Stats {
	r.Helper()
	eventually(r.T, fmt.Sprint(n, " calls in the accounts"), func() bool { return r.gw.LLM().Total.Requests == n })
	return r.gw.LLM()
}

func TestStreamIsMeteredAndNotChanged(t *testing.T) {
	t.Parallel()
	var got atomic.Pointer[string]
	stream := sse(
		tokenEvent(""), tokenEvent("a"), tokenEvent("b"), tokenEvent("c"),
		`{"model":"gpt-4o","choices":[{"delta":{},"finish_reason":"stop"}],"usage":null}`,
		`{"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":40,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":32}}}`, "[DONE]",
	)
	s := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		got.Store(&text)
		stream(w, r)
	})
	r := newRig(t, options{}, s.URL)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+chatPath, strings.NewReader(chatAsk))
	if err != nil {
		t.Fatal(err)
	}
	direct := r.send(req)
	answer := r.post(chatPath, chatAsk, "X-Upshift-Agent", "planner", "Baggage", "gen_ai.conversation.id=run-1,upshift.step=plan", "X-Upshift-Tenant", "acme")
	if answer.body != direct.body || *got.Load() != chatAsk {
		t.Errorf("the answer or the request was changed: %q, %q", answer.body, *got.Load())
	}
	stats := r.recorded(1)
	f := stats.Models["gpt-4o"]
	if diff := cmp.Diff(llm.Usage{Input: 40, CachedInput: 32, Output: 3}, f.Tokens); diff != "" {
		t.Error(diff)
	}
	if f.Streams != 1 || f.FirstToken.Count != 1 || f.FirstToken.P50 <= 0 || f.TokenGap.Count != 2 || f.Finish["stop"] != 1 ||
		f.CostDollars != (8*2.5+32*1.25+3*10)/1e6 || f.Unmetered != 0 || f.Errors != 0 || f.ClientsGone != 0 {
		t.Errorf("the model: %+v", f)
	}
	if stats.Agents["planner"].Requests != 1 || stats.Tenants["acme"].Requests != 1 || stats.Steps["planner/plan"].Requests != 1 ||
		len(stats.Runs) != 1 || stats.Runs[0].ID != "run-1" {
		t.Errorf("whose it is: %+v", stats)
	}
}

func TestAnswersInOnePieceAreMetered(t *testing.T) {
	t.Parallel()
	var body atomic.Value
	var status atomic.Int64
	status.Store(http.StatusOK)
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Load()))
		fmt.Fprint(w, body.Load())
	}).URL)
	body.Store(chatSays)
	r.post(chatPath, `{"model":"gpt-4o"}`)
	if f := r.recorded(1).Total; f.CostDollars != chatCost || f.Tokens.Output != 100 || f.Streams != 0 || f.FirstToken.Count != 0 {
		t.Errorf("a completion: %+v", f)
	}
	r.post("/v1/messages", `{"text":"another application's"}`)
	r.post("/v1/other", `{"model":"m"}`)
	body.Store(`{"error":{"message":"slow down"}}`)
	status.Store(http.StatusTooManyRequests)
	r.post(chatPath, `{"model":"gpt-4o"}`)
	if f := r.recorded(2).Total; f.Errors != 1 || f.Unmetered != 0 || f.Unpriced != 0 {
		t.Errorf("a refusal: %+v", f)
	}
	status.Store(http.StatusOK)
	body.Store(`<html>no JSON</html>`)
	r.post(chatPath, `{"model":"gpt-4o"}`)
	if f := r.recorded(3).Total; f.Errors != 1 || f.Unmetered != 1 || f.Unpriced != 1 || f.CostDollars != chatCost {
		t.Errorf("another shape: %+v", f)
	}
	r.get("/v1/models")
	eventually(t, "the list of models", func() bool { return r.gw.LLM().APIs["models"] == 1 })
}

func TestHitsCostNothing(t *testing.T) {
	t.Parallel()
	r, o := asked(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Done", "1")
		fmt.Fprint(w, chatSays)
	})
	const ask = `{"model":"gpt-4o","temperature":0}`
	r.post(chatPath, ask, "X-Upshift-Agent", "a", "X-Upshift-Run", "1")
	hit := r.post(chatPath, ask, "X-Upshift-Agent", "b", "X-Upshift-Run", "2") // who asks on whose behalf changes nothing
	other := r.post(chatPath, ask, "X-Upshift-Tenant", "t")                    // another tenant does
	if !strings.Contains(hit.Header.Get("Cache-Status"), "hit") || strings.Contains(other.Header.Get("Cache-Status"), "hit") || o.requests.Load() != 2 {
		t.Fatalf("got %q and %q after %d calls", hit.Header.Get("Cache-Status"), other.Header.Get("Cache-Status"), o.requests.Load())
	}
	s := r.recorded(3)
	if s.Total.Cached != 1 || s.Agents["b"].Cached != 1 || s.Agents["b"].CostDollars != 0 || s.Total.CostDollars != 2*chatCost {
		t.Errorf("got %+v", s.Total)
	}
	if saved := r.gw.Stats().SavedDollars; saved < chatCost*0.999 || saved > chatCost*1.001 {
		t.Errorf("saved %v, want %v", saved, chatCost)
	}
}

// The server is told at once, and what it did not make is estimated.
func TestClientThatLeavesSavesTokens(t *testing.T) {
	t.Parallel()
	next, gone := make(chan string), make(chan struct{})
	stream := tokens(next, gone)
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stream(w, r)
	}).URL)
	ctx, leave := context.WithCancel(t.Context())
	res, err := r.client.Do(r.request(http.MethodPost, chatPath, strings.NewReader(chatAsk)).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for range 3 {
		next <- tokenEvent("x")
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	<-gone // or the test times out
	f := r.recorded(1).Total
	if f.ClientsGone != 1 || f.SavedOutputEstimate != 97 || f.EstimatedOutput != 3 || f.Unmetered != 1 || f.Tokens.Output != 0 {
		t.Errorf("got %+v", f)
	}
}

func TestClientThatLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	arrived, gone := make(chan struct{}), make(chan struct{})
	r := newRig(t, options{}, backend(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
		close(gone)
	}).URL)
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		res, err := r.client.Do(r.request(http.MethodPost, chatPath, strings.NewReader(chatAsk)).WithContext(ctx))
		if err == nil {
			res.Body.Close()
		}
		failed <- err
	}()
	<-arrived
	leave()
	<-gone
	if err := <-failed; err == nil {
		t.Error("there was an answer")
	}
	if f := r.recorded(1).Total; f.ClientsGone != 1 || f.Errors != 0 || f.SavedOutputEstimate != 100 {
		t.Errorf("got %+v", f)
	}
}

func TestStreamThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, r *http.Request) {
		sse(tokenEvent("a"))(w, r)
		panic(http.ErrAbortHandler)
	}).URL)
	if got := r.post(chatPath, chatAsk); got.err == nil {
		t.Errorf("it looks whole: %q", got.body)
	}
	if f := r.recorded(1).Total; f.Errors != 1 || f.ClientsGone != 0 || f.CostDollars != 0 {
		t.Errorf("got %+v", f)
	}
}

func TestPricesOfOnesOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "prices.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const head = "date: \"2026-01-02\"\nsource: invoice\ncurrency: USD\n"
	const models = "models:\n  - {model: gpt-4o, input: 1, output: 0.5}\n"
	write(head + "unit: 1K tokens\n" + models)
	r := newRig(t, options{cfg: gateway.Config{Prices: file}}, backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, chatSays)
	}).URL)
	r.post(chatPath, `{"model":"gpt-4o"}`)
	s := r.recorded(1)
	if s.Total.CostDollars != 1.05 || s.Prices != (llm.PriceInfo{Date: "2026-01-02", Source: "invoice", Models: 1}) {
		t.Errorf("got %v by %+v", s.Total.CostDollars, s.Prices)
	}
	write(head + models)
	err := r.gw.Apply(gateway.Config{Prices: file})
	if err == nil || !strings.Contains(err.Error(), "gateway.prices: ") || !strings.Contains(err.Error(), "unit: must say") {
		t.Errorf("prices without a unit: %v", err)
	}
	if s := r.gw.LLM(); s.Prices.Source != "invoice" {
		t.Errorf("the prices changed: %+v", s.Prices)
	}
	if err := r.gw.Apply(gateway.Config{}); err != nil {
		t.Fatal(err)
	}
	r.post(chatPath, `{"model":"gpt-4o"}`)
	if got := r.recorded(2).Total.CostDollars; got < 1.05+chatCost*0.999 || got > 1.05+chatCost*1.001 {
		t.Errorf("got %v, want %v", got, 1.05+chatCost)
	}
}

// That answers are read on their way holds nothing up.
func TestMeteredTokensComeAtOnce(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	stream := tokens(next, nil)
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stream(w, r)
	}).URL)
	res, err := r.client.Do(r.request(http.MethodPost, chatPath, strings.NewReader(chatAsk)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for i := range 20 {
		next <- fmt.Sprint(i) // the next one is only sent when this one has arrived
		if line, err := lines.ReadString('\n'); line != fmt.Sprintf("data: %d\n", i) || err != nil {
			t.Fatalf("token %d: %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	close(next)
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
	if f := r.recorded(1).Total; f.Unmetered != 1 {
		t.Errorf("got %+v", f)
	}
}
