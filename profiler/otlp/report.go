package otlp

import (
	"cmp"
	"slices"
	"time"
)

// Traces says where the time of traces went.
type Traces struct {
	Stats Received `json:"stats"`
	// Operations and Agents are by the time that they held traces up, greatest first.
	Operations []Total `json:"operations"`
	Agents     []Total `json:"agents"`
	// Runs are the slowest traces of the last hour, slowest first.
	Runs []Run `json:"runs"`
}

// Received counts what came, since start.
type Received struct {
	Enabled bool `json:"enabled"`
	// Requests were taken, of which Refused could not be read or came while four others were.
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	// Spans were taken, and Rejected not, because they were no valid ones.
	Spans    uint64 `json:"spans"`
	Rejected uint64 `json:"rejected"`
	// Traces were looked at, of which ClosedEarly before they were quiet, to make room.
	Traces      uint64 `json:"traces"`
	ClosedEarly uint64 `json:"closed_early"`
	// Gathered spans wait for the rest of their trace.
	Gathered int `json:"gathered"`
}

// Total is what all spans of an operation, or of an agent, came to.
type Total struct {
	Name   string `json:"name"`
	Calls  uint64 `json:"calls"`
	Errors uint64 `json:"errors"`
	// TotalSeconds adds up spans, SelfSeconds without those inside them, and CriticalSeconds is the part
	// of it that held traces up.
	TotalSeconds    float64 `json:"total_seconds"`
	SelfSeconds     float64 `json:"self_seconds"`
	CriticalSeconds float64 `json:"critical_seconds"`
	InputTokens     uint64  `json:"input_tokens"`
	OutputTokens    uint64  `json:"output_tokens"`
}

// Run is one trace.
type Run struct {
	TraceID      string    `json:"trace_id"`
	Name         string    `json:"name"`
	Start        time.Time `json:"start"`
	Seconds      float64   `json:"seconds"`
	Spans        int       `json:"spans"`
	InputTokens  uint64    `json:"input_tokens"`
	OutputTokens uint64    `json:"output_tokens"`
	// Steps are the operations on its critical path, longest first, at most 50.
	Steps []Step `json:"steps"`

	kept time.Time
}

// Step is an operation on the critical path of a trace.
type Step struct {
	Operation       string  `json:"operation"`
	Agent           string  `json:"agent,omitempty"`
	Tool            string  `json:"tool,omitempty"`
	Model           string  `json:"model,omitempty"`
	Calls           int     `json:"calls"`
	CriticalSeconds float64 `json:"critical_seconds"`
}

// Report is what is known now; of a nil receiver it is empty.
func (r *Receiver) Report() Traces {
	if r == nil {
		return Traces{Operations: []Total{}, Agents: []Total{}, Runs: []Run{}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Traces{Stats: r.stats, Operations: byCritical(r.operations), Agents: byCritical(r.agents), Runs: append([]Run{}, r.runs...)}
	report.Stats.Enabled, report.Stats.Gathered = true, r.held
	return report
}

func byCritical(totals map[string]*Total) []Total {
	list := make([]Total, 0, len(totals))
	for _, t := range totals {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Total) int {
		return cmp.Or(cmp.Compare(b.CriticalSeconds, a.CriticalSeconds), cmp.Compare(a.Name, b.Name))
	})
	return list
}
