package otlp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// Traces that never end, spans that are their own parents, and names without end are all bounded.
func TestBounds(t *testing.T) {
	t.Parallel()
	r, p := newReceiver(t)
	now := time.Now()
	const many = maxGathered * 5 / 4
	for i := range many {
		s := span{name: fmt.Sprint("f", i), start: 1, end: 2, agent: fmt.Sprint("a", i)}
		binary.BigEndian.PutUint64(s.trace[:], uint64(i+1))
		binary.BigEndian.PutUint64(s.id[:], uint64(i+1))
		r.gather(&batch{spans: []span{s}}, now.Add(time.Duration(i)))
	}
	if r.held > maxGathered || len(r.traces) > maxGathered {
		t.Errorf("%d spans of %d traces held", r.held, len(r.traces))
	}
	if _, ok := r.traces[[16]byte{}]; ok || r.traces[traceOf(many)] == nil {
		t.Error("the newest trace had to go")
	}
	r.closeQuiet(now, true)
	report := r.Report()
	if report.Stats.Spans != many || report.Stats.Traces != many || report.Stats.Gathered != 0 ||
		len(report.Operations) != maxTotals+1 || len(report.Agents) != maxTotals+1 || len(report.Runs) != maxRuns {
		t.Errorf("%+v, %d operations, %d agents, %d runs", report.Stats, len(report.Operations), len(report.Agents), len(report.Runs))
	}
	if s := p.Stats(); s.Calls != many || s.Functions > s.MaxFunctions+1 {
		t.Errorf("profiler %+v", s)
	}
	spans := make([]span, maxTraceSpans+1)
	for i := range spans {
		spans[i] = span{trace: traceOf(1), name: "deep", start: 1, end: 1000}
		binary.BigEndian.PutUint64(spans[i].id[:], uint64(i+1))
		binary.BigEndian.PutUint64(spans[i].parent[:], uint64(i)) // each in the one before
	}
	r.gather(&batch{spans: spans}, now)
	if r.held != 1 {
		t.Errorf("%d spans of a trace that was full are held", r.held)
	}
}

func traceOf(i int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(i))
	return id
}

// However spans name their parents, each is in one tree once, and no time is counted twice on the path.
func TestAssemble(t *testing.T) {
	t.Parallel()
	id := func(b byte) [8]byte { return [8]byte{b} }
	spans := []span{
		{id: id(1), parent: id(1), start: 0, end: 10},                                              // its own parent
		{id: id(2), parent: id(3), start: 2, end: 6}, {id: id(3), parent: id(2), start: 1, end: 9}, // each other's
		{id: id(4), parent: id(1), start: 5, end: 20}, // outlives its parent
		{id: id(4), parent: id(1), start: 5, end: 20}, // sent again
		{id: id(5), parent: id(9), start: 3, end: 4},  // of a parent that never came
	}
	roots, all := assemble(spans)
	if len(all) != 5 || len(roots) != 3 {
		t.Fatalf("%d roots of %d spans", len(roots), len(all))
	}
	for _, root := range roots {
		inherit(root, "")
		follow(root, root.start, root.end)
	}
	sum := int64(0)
	for _, n := range all {
		sum += n.critical
		if n.critical < 0 || n.nested < 0 || n.nested > n.end-n.start {
			t.Errorf("span %d: critical %d, nested %d", n.id[0], n.critical, n.nested)
		}
	}
	length := int64(0)
	for _, root := range roots {
		length += root.end - root.start
	}
	if sum != length {
		t.Errorf("the paths are %d long, the roots %d", sum, length)
	}
}

func FuzzProtobuf(f *testing.F) {
	f.Add([]byte(asked()))
	f.Add([]byte(request("s", message{}.bytes(1, nil))))
	f.Add([]byte{0x0a, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := readProtobuf(data)
		checkBatch(t, b, err)
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
		"name":"f","startTimeUnixNano":"1","endTimeUnixNano":2}]}]}]}`))
	f.Add([]byte(`{"resourceSpans":[{"resource":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := readJSON(bytes.Clone(data))
		checkBatch(t, b, err)
	})
}

// checkBatch holds what was read against the bounds, and has it looked at.
func checkBatch(t *testing.T, b *batch, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if len(b.spans) > maxSpans {
		t.Fatalf("%d spans", len(b.spans))
	}
	for _, s := range b.spans {
		if s.check() != nil || len(s.name) > maxTextBytes || s.input < 0 || s.output < 0 {
			t.Errorf("%+v: %v", s, s.check())
		}
	}
	r, _ := newReceiver(t)
	r.gather(b, time.Now())
	r.closeQuiet(time.Now(), true)
	for _, o := range r.Report().Operations {
		if !(o.SelfSeconds >= 0 && o.CriticalSeconds >= 0 && o.SelfSeconds <= o.TotalSeconds+1e-6) {
			t.Errorf("%+v", o)
		}
	}
}
