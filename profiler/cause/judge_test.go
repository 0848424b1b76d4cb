package cause

import (
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

const ms = time.Millisecond

// function is one whose calls all took the same, with the split of one call.
func function(name string, calls int, each Split) *Function {
	all := func(d time.Duration) time.Duration { return time.Duration(int64(d) * int64(calls)) }
	fn := &Function{Name: name, Calls: calls, Total: all(each.Total()), Self: Split{
		all(each.Running), all(each.Scheduler), all(each.Lock), all(each.IO), all(each.Queue), all(each.GC), all(each.Join),
	}}
	for range calls {
		fn.durations = append(fn.durations, each.Total())
	}
	return fn
}

// small is a healthy function beside the one in question.
func small() *Function { return function("small", 100, Split{Running: ms / 2, IO: ms}) }

func judged(p process, functions ...*Function) []Finding {
	t := &spent{Span: 2 * time.Second, Functions: map[string]*Function{}}
	for _, fn := range functions {
		t.Functions[fn.Name] = fn
	}
	if p.processors == 0 {
		p.processors = 4
	}
	return judge(t, p)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	tail := function("f", 200, Split{IO: 2 * ms})
	for i := range 10 {
		tail.durations[190+i] = 200 * ms
	}
	tail.Self.IO += 10 * 198 * ms
	parent := function("f", 20, Split{Running: ms})
	parent.Total = 20 * 21 * ms
	parent.children = map[string]*edge{"child": {calls: 400, total: 400 * ms}}
	for name, c := range map[string]struct {
		functions []*Function
		process   process
		want      string // kind and what the evidence says
	}{
		"cpu, long":  {[]*Function{function("f", 50, Split{Running: 20 * ms}), small()}, process{}, "cpu computes for 100 %"},
		"cpu, hot":   {[]*Function{function("f", 2000, Split{Running: 2 * ms, Scheduler: 4 * ms}), small()}, process{}, "cpu takes 50 % of the processors"},
		"lock":       {[]*Function{function("f", 100, Split{Lock: 3 * ms, IO: 5 * ms}), small()}, process{}, "lock waits for a lock for 38 %"},
		"queue":      {[]*Function{function("f", 100, Split{Queue: 3 * ms, IO: 5 * ms}), small()}, process{}, "queue for 38 % of its 8ms a call"},
		"io":         {[]*Function{function("f", 100, Split{IO: 30 * ms, Running: ms}), small()}, process{}, "io waits for the network"},
		"io, slow":   {[]*Function{function("f", 30, Split{IO: 9 * ms}), small()}, process{threshold: 9 * ms}, "io"},
		"scheduler":  {[]*Function{function("f", 100, Split{Scheduler: 4 * ms, Running: ms}), small()}, process{}, "scheduler for 80 %"},
		"collector":  {[]*Function{function("f", 100, Split{GC: ms, Running: 4 * ms}), small()}, process{gcShare: 0.2}, "gc takes 20 %"},
		"garbage":    {[]*Function{function("f", 100, Split{Running: 4 * ms}), small()}, process{gcShare: 0.3}, "gc takes 30 %"},
		"tail":       {[]*Function{tail, small()}, process{}, "tail 10 of 200 calls"},
		"repeated":   {[]*Function{parent, function("child", 400, Split{IO: ms})}, process{}, "n+1 makes 20 of child"},
		"regression": {[]*Function{function("f", 50, Split{IO: 8 * ms}), small()}, process{before: map[string][]time.Duration{"f": make([]time.Duration, 50)}}, "regression"},
	} {
		for i := range c.process.before["f"] {
			c.process.before["f"][i] = 5 * ms
		}
		found := judged(c.process, c.functions...)
		kind, evidence, _ := strings.Cut(c.want, " ")
		if len(found) != 1 || found[0].Function != "f" || found[0].Kind != kind || !strings.Contains(found[0].Evidence, evidence) ||
			found[0].Action == "" || !(found[0].ShareRatio > 0 && found[0].ShareRatio <= 1) {
			t.Errorf("%s: %+v, want %s", name, found, c.want)
		}
	}
}

func TestJudgeIsSilent(t *testing.T) {
	t.Parallel()
	varied := function("varied", 500, Split{IO: 5 * ms})
	for i := range varied.durations {
		varied.durations[i] = time.Duration(i+1) * ms / 50
	}
	for name, functions := range map[string][]*Function{
		"nothing":         nil,
		"healthy":         {small(), function("model", 100, Split{IO: 5 * ms, Running: ms}), function("tool", 100, Split{IO: 4 * ms})},
		"varied":          {varied, small(), function("tool", 500, Split{IO: 4 * ms})},
		"short waits":     {function("f", 1000, Split{Lock: ms / 4, Running: ms / 4}), small()},
		"few calls":       {function("f", 9, Split{Lock: 100 * ms}), small()},
		"no weight":       {function("f", 10, Split{Lock: 2 * ms}), function("model", 100, Split{IO: 8 * ms}), function("tool", 100, Split{IO: 8 * ms})},
		"own goroutines":  {function("f", 100, Split{Join: 30 * ms}), small()},
		"children, a few": {function("f", 100, Split{Running: ms}), small()},
	} {
		if found := judged(process{before: map[string][]time.Duration{"small": {ms}}}, functions...); len(found) != 0 {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

// A function that takes the processors explains why the others wait for one.
func TestJudgeNamesWhoTakesTheProcessors(t *testing.T) {
	t.Parallel()
	found := judged(process{},
		function("hot", 400, Split{Running: 10 * ms, Scheduler: 10 * ms}), function("victim", 400, Split{Scheduler: 5 * ms}))
	if len(found) != 1 || found[0].Function != "hot" || found[0].Kind != profiler.CauseCPU {
		t.Errorf("%+v", found)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	for function, want := range map[string]bool{
		"runtime.chansend1": true, "net/http.(*persistConn).roundTrip": true, "internal/poll.runtime_pollWait": true,
		"main.main": false, "github.com/a/b.f": false, "example.org/c.(*T).f": false, "sync.(*Mutex).Lock": true,
	} {
		if isStandard(function) != want {
			t.Errorf("%s: standard %v", function, !want)
		}
	}
}
