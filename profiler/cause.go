package profiler

// TraceBegin and TraceEnd are the categories of what timed calls tell an execution trace while
// [Profiler.SetTracing] is on; the message is the function's name (runtime/trace.Log).
const (
	TraceBegin = "upshift.begin"
	TraceEnd   = "upshift.end"
)

// Kinds of causes.
const (
	CauseCPU        = "cpu"
	CauseLock       = "lock"
	CauseIO         = "io"
	CauseQueue      = "queue"
	CauseScheduler  = "scheduler"
	CauseGC         = "gc"
	CauseNPlusOne   = "n+1"
	CauseTail       = "tail"
	CauseRegression = "regression"
)

// Cause is why calls of a function are slow, or hold others up: see package profiler/cause.
type Cause struct {
	Kind string `json:"kind" enum:"cpu,lock,io,queue,scheduler,gc,n+1,tail,regression"`
	// Evidence says by what figures, and Action what can be done.
	Evidence string `json:"evidence"`
	Action   string `json:"action"`
	// ShareRatio is which share of the time of all functions' calls it explains, 0 to 1.
	ShareRatio float64 `json:"share_ratio"`
}

// SetCauses gives functions the causes that [FunctionStats] shows; the others have none.
func (p *Profiler) SetCauses(causes map[string]Cause) {
	if p == nil {
		return
	}
	for name, fn := range *p.functions.Load() {
		if c, ok := causes[name]; ok {
			fn.cause.Store(&c)
		} else {
			fn.cause.Store(nil)
		}
	}
}

// SetTracing says whether timed calls tell the execution trace that is being recorded, which costs each
// of them under a microsecond.
func (p *Profiler) SetTracing(on bool) {
	if p != nil {
		p.tracing.Store(on)
	}
}
