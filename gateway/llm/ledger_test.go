package llm_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sentientcore/upshift/gateway/llm"
)

func call(model string, u llm.Usage) llm.Call {
	return llm.Call{
		API: llm.ChatCompletions, Asked: llm.Asked{Model: model, Stream: true}, Status: 200, Took: time.Second,
		At:     time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Answer: llm.Answer{Usage: u, UsageKnown: true, Finish: "stop", Whole: true, Read: true},
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	l := llm.NewLedger(prices(t))
	c := call("gpt-4o", llm.Usage{Input: 1000, CachedInput: 200, Output: 100})
	c.Labels = llm.Labels{Agent: "planner", Run: "r1", Step: "plan", Tenant: "acme"}
	c.Answer.Pieces, c.Answer.FirstPiece, c.Answer.LastPiece = 100, 200*time.Millisecond, 1190*time.Millisecond
	l.Record(c)
	c.End, c.Labels.Agent = llm.FromCache, "writer"
	l.Record(c)
	l.Record(call("own", llm.Usage{Input: 5, Output: 5})) // of no known price
	l.Record(llm.Call{API: llm.Models})
	l.Record(llm.Call{API: llm.ChatCompletions}) // names no model
	l.Record(llm.Call{API: llm.ChatCompletions, Asked: llm.Asked{Model: "gpt-4o"}, Status: 429})

	s := l.Stats()
	cost := (800*2.5 + 200*1.25 + 100*10) / 1e6
	want := llm.Figures{
		Requests: 4, Cached: 1, Streams: 3, Errors: 1, Unpriced: 1, CostDollars: cost,
		Tokens: llm.Usage{Input: 1005, CachedInput: 200, Output: 105},
		Finish: map[string]uint64{"stop": 2, "length": 0, "tool": 0, "filter": 0, "other": 0},
	}
	total := s.Total
	for name, spread := range map[string]struct {
		got  llm.Spread
		want float64
	}{"first token": {total.FirstToken, 0.2}, "speed": {total.TokensPerSecond, 100}} {
		if spread.got.Count != 1 || math.Abs(spread.got.P50/spread.want-1) > 1./16 || spread.got.P99 != spread.got.P50 {
			t.Errorf("%s: %+v, want %v", name, spread.got, spread.want)
		}
	}
	total.FirstToken, total.TokensPerSecond = llm.Spread{}, llm.Spread{}
	if diff := cmp.Diff(want, total); diff != "" {
		t.Error(diff)
	}
	if s.APIs["models"] != 1 || s.APIs["chat_completions"] != 4 {
		t.Errorf("interfaces %v", s.APIs)
	}
	if s.Models["gpt-4o"].Requests != 3 || s.Models["own"].Unpriced != 1 || s.Agents["planner"].CostDollars != cost ||
		s.Agents["writer"].Cached != 1 || s.Agents["none"].Requests != 2 || s.Steps["planner/plan"].Requests != 1 ||
		s.Tenants["acme"].Requests != 2 {
		t.Errorf("by name: %+v", s)
	}
	if diff := cmp.Diff([]llm.Run{{
		ID: "r1", Tenant: "acme", Agents: []string{"planner", "writer"}, Requests: 2, Cached: 1, Input: 1000, CachedInput: 200,
		Output: 100, CostDollars: cost, ModelSeconds: 1, Started: c.At.Add(-c.Took), Last: c.At,
	}}, s.Runs); diff != "" {
		t.Error(diff)
	}
}

func TestLedgerIsBounded(t *testing.T) {
	t.Parallel()
	l := llm.NewLedger(prices(t))
	for i := range 1000 {
		c := call(fmt.Sprint("model-", i), llm.Usage{Input: 1, Output: 1})
		c.Labels = llm.Labels{
			Agent: fmt.Sprint("a", i), Run: fmt.Sprint("r", i), Step: fmt.Sprint("s", i), Tenant: fmt.Sprint("t", i),
		}
		l.Record(c)
	}
	s := l.Stats()
	for name, figures := range map[string]map[string]llm.Figures{"models": s.Models, "agents": s.Agents, "steps": s.Steps, "tenants": s.Tenants} {
		sum := uint64(0)
		for _, f := range figures {
			sum += f.Requests
		}
		if len(figures) > llm.MaxSteps+1 || sum != 1000 || figures[llm.Other].Requests < 800 {
			t.Errorf("%s: %d names, %d requests, %d others", name, len(figures), sum, figures[llm.Other].Requests)
		}
	}
	if len(s.Runs) != llm.MaxRuns || s.Runs[0].ID != "r999" {
		t.Errorf("%d runs, the first %q", len(s.Runs), s.Runs[0].ID)
	}
	if n := testutil.CollectAndCount(l); n > 4000 {
		t.Errorf("%d series", n)
	}
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	l := llm.NewLedger(prices(t))
	left := call("gpt-4o", llm.Usage{})
	left.End, left.Answer = llm.Left, llm.Answer{Pieces: 30}
	left.Asked.MaxOutput = 50
	l.Record(left) // nothing is known yet but the bound: 20
	for range 4 {
		l.Record(call("gpt-4o", llm.Usage{Input: 10, Output: 200}))
	}
	left.Asked.MaxOutput = 0
	l.Record(left) // 170
	left.Asked.Stream, left.Answer.Pieces, left.Took = false, 0, 250*time.Millisecond
	l.Record(left) // a quarter of the usual time: 150
	left.Took = time.Hour
	l.Record(left) // 0
	s := l.Stats().Total
	if s.ClientsGone != 4 || s.SavedOutputEstimate != 20+170+150 {
		t.Errorf("%d left, saved %d", s.ClientsGone, s.SavedOutputEstimate)
	}
	if s.EstimatedOutput != 60 || s.Unmetered != 4 || s.Unpriced != 4 || s.Tokens.Output != 800 {
		t.Errorf("estimated %d, unmetered %d, unpriced %d, counted %d", s.EstimatedOutput, s.Unmetered, s.Unpriced, s.Tokens.Output)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		header http.Header
		want   llm.Labels
	}{
		{"none", http.Header{}, llm.Labels{}},
		{
			"headers",
			http.Header{"X-Upshift-Agent": {" planner "}, "X-Upshift-Run": {"7"}, "X-Upshift-Step": {"s"}, "X-Upshift-Tenant": {"t"}},
			llm.Labels{Agent: "planner", Run: "7", Step: "s", Tenant: "t"},
		},
		{
			"baggage",
			http.Header{"Baggage": {"a=b, gen_ai.agent.name=the%20planner;p=1 ,gen_ai.conversation.id=c1", "upshift.step=s,upshift.tenant=t"}},
			llm.Labels{Agent: "the planner", Run: "c1", Step: "s", Tenant: "t"},
		},
		{
			"which wins",
			http.Header{
				"X-Upshift-Run": {"header"},
				"Baggage":       {"gen_ai.agent.name=otel,upshift.agent=own,upshift.agent=later,upshift.run=baggage"},
			},
			llm.Labels{Agent: "own", Run: "header"},
		},
		{"what cannot be shown", http.Header{"X-Upshift-Agent": {"a\x7f"}, "Baggage": {"upshift.run=%00,upshift.step=%zz,upshift.tenant=%ff"}}, llm.Labels{}},
		{"too long", http.Header{"X-Upshift-Agent": {strings.Repeat("a", 129)}, "Baggage": {strings.Repeat("x", 9000), "upshift.run=1"}}, llm.Labels{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, llm.LabelsOf(tt.header)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLedgerTogether(t *testing.T) {
	t.Parallel()
	l := llm.NewLedger(prices(t))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(l)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				c := call(fmt.Sprint("m", j%3), llm.Usage{Input: 2, Output: 1})
				c.Labels = llm.Labels{Agent: fmt.Sprint("a", i), Run: fmt.Sprint("r", j)}
				l.Record(c)
				l.Gap("m0")(time.Millisecond)
			}
		})
	}
	for range 20 {
		if _, err := registry.Gather(); err != nil {
			t.Error(err)
		}
		l.Stats()
	}
	wg.Wait()
	s := l.Stats()
	if s.Total.Requests != 1600 || s.Total.Tokens.Input != 3200 || s.Models["m0"].TokenGap.Count != 1600 {
		t.Errorf("got %+v", s.Total)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	l := llm.NewLedger(prices(t))
	c := call("gpt-4o", llm.Usage{Input: 1e6, Output: 1e5})
	c.Labels.Agent, c.Answer.Pieces, c.Answer.FirstPiece = "planner", 1, 20*time.Millisecond
	l.Record(c)
	want := `
# HELP upshift_llm_cost_dollars_total Cost of what could be priced.
# TYPE upshift_llm_cost_dollars_total counter
upshift_llm_cost_dollars_total{model="gpt-4o"} 3.5
# HELP upshift_llm_agent_tokens_total Tokens by agent, as upshift_llm_tokens_total.
# TYPE upshift_llm_agent_tokens_total counter
upshift_llm_agent_tokens_total{agent="planner",kind="cache_write"} 0
upshift_llm_agent_tokens_total{agent="planner",kind="cached_input"} 0
upshift_llm_agent_tokens_total{agent="planner",kind="input"} 1e+06
upshift_llm_agent_tokens_total{agent="planner",kind="output"} 100000
upshift_llm_agent_tokens_total{agent="planner",kind="reasoning"} 0
`
	if err := testutil.CollectAndCompare(l, strings.NewReader(want), "upshift_llm_cost_dollars_total", "upshift_llm_agent_tokens_total"); err != nil {
		t.Error(err)
	}
}
