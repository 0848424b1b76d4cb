package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/gateway/llm"
)

// modelCall is what an exchange is of, if by its path it may be a call of a language model. What it
// turns out to be is for the ledger to say.
type modelCall struct {
	api    llm.API
	asked  *llm.Request
	labels llm.Labels
	ledger *llm.Ledger
	limits *limits
	tenant *tenant // nil: there are no limits
	// recorded says that the call has been counted, which happens once.
	recorded atomic.Bool
}

// newModelCall returns nil for what is no call of a language model.
func newModelCall(g *Gateway, r *http.Request) *modelCall {
	api := llm.Recognise(r.Method, r.URL.Path)
	if api == llm.None {
		return nil
	}
	return &modelCall{
		api: api, asked: llm.NewRequest(api, r.URL.Path), labels: llm.LabelsOf(r.Header), ledger: g.ledger, limits: &g.limits,
	}
}

// belongsTo says whose the call is. What the client calls itself stands.
func (m *modelCall) belongsTo(t *tenant) {
	if m.tenant = t; t != nil && m.labels.Tenant == "" && t.name != llm.Unnamed {
		m.labels.Tenant = t.name
	}
}

// record counts the call, unless it has been.
func (m *modelCall) record(c llm.Call) {
	if m.recorded.Swap(true) {
		return
	}
	c.API, c.Asked, c.Labels, c.At = m.api, m.asked.Asked(), m.labels, time.Now()
	m.ledger.Record(c)
	if m.tenant != nil && c.End != llm.FromCache {
		m.limits.spend(m.tenant, used(c), c.At)
	}
}

// used are the tokens of a call. Those of which no count came are estimated: four bytes of the prompt
// for one, and each piece of an answer.
func used(c llm.Call) int64 {
	if u := c.Answer.Usage; c.Answer.UsageKnown {
		return u.Input + u.Output
	}
	if c.Answer.Failed || c.Status >= http.StatusBadRequest || c.Status == 0 {
		return 0
	}
	return c.Asked.Bytes/4 + c.Answer.Pieces
}

// account counts a call that no server was asked for.
func (m *modelCall) account(o outcome) {
	switch o {
	case outcomeHit, outcomeCollapsed, outcomeStaleWhile:
		m.record(llm.Call{End: llm.FromCache})
	}
}

// failed counts a call to which no answer came.
func (m *modelCall) failed(ctx context.Context, took time.Duration) {
	m.record(llm.Call{End: ending(ctx, llm.Broken), Took: took})
}

// ending tells that the client left from other ends.
func ending(ctx context.Context, other llm.End) llm.End {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errDrained) {
		return llm.Left
	}
	return other
}

// meter returns the body of an answer so that it is read on its way. Nothing is changed.
func (m *modelCall) meter(req *http.Request, res *http.Response, began time.Time) io.ReadCloser {
	if m == nil || res.StatusCode == http.StatusSwitchingProtocols {
		return res.Body
	}
	stream := isStream(res.Header)
	b := &meteredBody{
		ReadCloser: res.Body, call: m, ctx: req.Context(), began: began, status: res.StatusCode, left: res.ContentLength,
		meter: llm.NewMeter(m.api, stream, res.Header.Get("Content-Encoding")),
	}
	if model := m.asked.Asked().Model; stream && model != "" {
		b.meter.Gap = m.ledger.Gap(model)
	}
	return b
}

// meteredBody is the body of an answer to a call of a language model.
type meteredBody struct {
	io.ReadCloser
	call   *modelCall
	ctx    context.Context //nolint:containedctx // whose end tells why the body ended
	began  time.Time
	status int

	mu    sync.Mutex // guards the fields below
	meter *llm.Meter
	left  int64 // until the declared end; below 0: not declared
	over  bool
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && !b.over {
		b.meter.Write(p[:n], time.Since(b.began))
		if b.left > 0 {
			b.left = max(b.left-int64(n), 0)
		}
	}
	switch {
	case err == io.EOF, err == nil && b.left == 0:
		b.end(llm.Finished)
	case err != nil:
		b.end(ending(b.ctx, llm.Broken))
	}
	return n, err
}

// Close ends the answer: one that was not read to its end was given up by the client.
func (b *meteredBody) Close() error {
	err := b.ReadCloser.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(llm.Left)
	return err
}

// end counts the call. The lock is held.
func (b *meteredBody) end(how llm.End) {
	if b.over {
		return
	}
	b.over = true
	a := b.meter.End()
	if a.Whole {
		how = llm.Finished // whoever has all need not wait for the end of it
	}
	b.call.record(llm.Call{Status: b.status, Answer: a, End: how, Took: time.Since(b.began)})
}

// modelPrice is what an answer of a language model cost, by the prices in force.
func (g *Gateway) modelPrice(req *http.Request, a Answer) (dollars float64, known bool) {
	x := exchangeOf(req.Context())
	if x == nil || x.model == nil || a.Status != http.StatusOK {
		return 0, false
	}
	m := llm.NewMeter(x.model.api, isStream(a.Header), a.Header.Get("Content-Encoding"))
	m.Write(a.Body, 0)
	return g.ledger.Price(x.model.asked.Asked(), m.End())
}

// LLM returns the accounts of calls of language models.
func (g *Gateway) LLM() llm.Stats { return g.ledger.Stats() }
