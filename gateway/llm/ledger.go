package llm

import (
	"sync/atomic"
	"time"
)

// Bounds of what is told apart; what is beyond them is counted as [Other].
const (
	MaxModels  = 64
	MaxAgents  = 64
	MaxSteps   = 128
	MaxTenants = 64
	// MaxRuns are the runs that are remembered, those used last.
	MaxRuns = 256
)

// Other is the name of what is beyond a bound, Unnamed of what has no name.
const (
	Other   = "other"
	Unnamed = "none"
)

// End is how a call ended.
type End int

// The ways to end.
const (
	Finished  End = iota // the server's answer came to its end, whatever it said
	Left                 // the client left before
	Broken               // no answer came, or it broke off
	FromCache            // no server was asked
)

// Call is a call of a language model that has ended.
type Call struct {
	API    API
	Asked  Asked
	Labels Labels
	// Status is that of the answer, zero if none came.
	Status int
	Answer Answer
	End    End
	// At is when it ended, Took how long it took since it was sent.
	At   time.Time
	Took time.Duration
}

// Ledger counts calls of language models. It is safe for concurrent use. Make one with [NewLedger].
type Ledger struct {
	prices                         atomic.Pointer[Prices]
	total                          figures
	apis                           [apis]atomic.Uint64
	models, agents, steps, tenants dimension
	runs                           runs
}

// NewLedger returns an empty ledger that counts costs by prices.
func NewLedger(prices *Prices) *Ledger {
	l := &Ledger{}
	l.prices.Store(prices)
	l.models.init(MaxModels)
	l.agents.init(MaxAgents)
	l.steps.init(MaxSteps)
	l.tenants.init(MaxTenants)
	l.runs.init()
	return l
}

// SetPrices puts other prices in force. What was counted stays.
func (l *Ledger) SetPrices(p *Prices) { l.prices.Store(p) }

// Gap returns a function that is told the times between the tokens of a stream of the model.
func (l *Ledger) Gap(model string) func(time.Duration) {
	f := l.models.of(model)
	return func(d time.Duration) {
		v := uint64(max(d, 0))
		f.gap.record(v)
		l.total.gap.record(v)
	}
}

// verdict is what is made of a call.
type verdict struct {
	failed, unmetered, unpriced bool
	dollars                     float64
	estimated, saved            int64
}

// Record counts a call. One of none of the interfaces, or without a model, is none of a language
// model, and not counted.
func (l *Ledger) Record(c Call) {
	if c.API == None || c.API >= apis || c.API != Models && c.Asked.Model == "" {
		return
	}
	l.apis[c.API].Add(1)
	if c.API == Models {
		return
	}
	model := l.models.of(c.Asked.Model)
	v := l.judge(&c, model)
	step := c.Labels.Step
	if step != "" && c.Labels.Agent != "" {
		step = c.Labels.Agent + "/" + step
	}
	for _, f := range []*figures{
		&l.total, model, l.agents.of(c.Labels.Agent), l.steps.of(step), l.tenants.of(c.Labels.Tenant),
	} {
		f.add(&c, v)
	}
	if c.Labels.Run != "" {
		l.runs.add(&c, v)
	}
}

// judge works out cost and estimates.
func (l *Ledger) judge(c *Call, model *figures) verdict {
	v := verdict{failed: c.Answer.Failed || c.Status >= 400 || c.End == Broken}
	if c.End == FromCache {
		return v
	}
	a := &c.Answer
	if a.UsageKnown {
		var known bool
		v.dollars, known = l.cost(c)
		v.unpriced = !known
	} else if !v.failed {
		v.unmetered, v.unpriced = true, true
		v.estimated = a.Pieces
	}
	if c.End == Left {
		v.saved = max(c.expected(model)-c.made(model), 0)
	}
	return v
}

// cost is by the name of the model that answered, or of the one that was asked.
func (l *Ledger) cost(c *Call) (dollars float64, known bool) {
	p := l.prices.Load()
	if dollars, known = p.Cost(c.Answer.Model, c.Answer.Tier, c.Answer.Usage); !known {
		dollars, known = p.Cost(c.Asked.Model, c.Answer.Tier, c.Answer.Usage)
	}
	return dollars, known
}

// Price is what an answer to a request costs in dollars, and false where that is not known.
func (l *Ledger) Price(asked Asked, a Answer) (dollars float64, known bool) {
	if !a.UsageKnown || a.Failed {
		return 0, false
	}
	return l.cost(&Call{Asked: asked, Answer: a})
}

// expected are the tokens that the answer would have had: as many as the model's answers have on
// average, or as it might have.
func (c *Call) expected(model *figures) int64 {
	n := model.metered.Load()
	switch {
	case n == 0:
		return c.Asked.MaxOutput
	case c.Asked.MaxOutput > 0:
		return min(model.output.Load()/n, c.Asked.MaxOutput)
	}
	return model.output.Load() / n
}

// made are the tokens that were made before the client left: those that came, or of an answer in one
// piece, the part of its usual time that had passed.
func (c *Call) made(model *figures) int64 {
	n := model.metered.Load()
	switch {
	case c.Asked.Stream || c.Answer.Pieces > 0:
		return max(c.Answer.Pieces, c.Answer.Usage.Output)
	case n == 0 || model.took.Load() == 0:
		return 0
	}
	usual := float64(model.took.Load()) / float64(n)
	return int64(float64(c.expected(model)) * min(float64(c.Took)/usual, 1))
}

// speed is that of a stream after its first token, in tokens a second; zero if it cannot be told.
func (c *Call) speed() float64 {
	a := &c.Answer
	tokens := a.Pieces
	if a.UsageKnown && c.End == Finished {
		tokens = a.Usage.Output
	}
	took := a.LastPiece - a.FirstPiece
	if tokens < 2 || a.Pieces < 2 || took <= 0 {
		return 0
	}
	return float64(tokens-1) / took.Seconds()
}
