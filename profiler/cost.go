package profiler

import (
	"context"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
)

// LabelKey is the key of the pprof label that says in whose call a goroutine runs, while
// [Profiler.SetLabelling] is on.
const LabelKey = "upshift_function"

// Estimate is a figure for each call of a function, from samples: see package profiler/capture.
type Estimate struct {
	// Known tells that there are enough samples; else Reason says why the figures are zero.
	Known  bool   `json:"known"`
	Reason string `json:"reason,omitempty"`
	// PerCall is between Low and High with 95 % confidence: seconds of a processor, or bytes, without
	// what profiled calls inside it took.
	PerCall float64 `json:"per_call"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	// Samples and Calls are what it rests on.
	Samples uint64 `json:"samples"`
	Calls   uint64 `json:"calls"`
}

// Cost is what a call of a function takes besides time.
type Cost struct {
	CPU   Estimate `json:"cpu"`
	Alloc Estimate `json:"alloc"`
}

const notMeasured = "not measured"

// cost is the last that SetCosts gave fn.
func (fn *function) costs() Cost {
	if c := fn.cost.Load(); c != nil {
		return *c
	}
	return Cost{CPU: Estimate{Reason: notMeasured}, Alloc: Estimate{Reason: notMeasured}}
}

// SetCosts gives functions the costs that [FunctionStats] shows; others keep theirs.
func (p *Profiler) SetCosts(costs map[string]Cost) {
	if p == nil {
		return
	}
	known := *p.functions.Load()
	for name, c := range costs {
		if fn, ok := known[name]; ok {
			fn.cost.Store(&c)
		}
	}
}

// SetLabelling says whether the goroutines in calls of [Wrap], [Profiler.Handler] and [UnaryServer] carry
// [LabelKey], which costs each call a quarter of a microsecond; goroutines that they start inherit it.
func (p *Profiler) SetLabelling(on bool) {
	if p != nil {
		p.labelling.Store(on)
	}
}

// labelled is next with the label of fn, where labelling is on.
func labelled[A, R any](fn *function, next func(context.Context, A) (R, error)) func(context.Context, A) (R, error) {
	if !fn.p.labelling.Load() {
		return next
	}
	return func(ctx context.Context, arg A) (result R, err error) {
		pprof.Do(ctx, pprof.Labels(LabelKey, fn.name), func(ctx context.Context) { result, err = next(ctx, arg) })
		return result, err
	}
}

// CallCounts returns the calls of each function so far.
func (p *Profiler) CallCounts() map[string]uint64 {
	if p == nil {
		return nil
	}
	known := *p.functions.Load()
	counts := make(map[string]uint64, len(known))
	for name, fn := range known {
		counts[name] = fn.calls()
	}
	return counts
}

// Owner tells whose calls are under way in a stack.
type Owner struct {
	// Name is the function that the innermost call on the stack belongs to.
	Name string
	// Found tells that the stack shows it; where it does not but is Wrapped, some call is under way
	// that only the label tells.
	Found, Wrapped bool
}

// OwnerOf finds the innermost call in a stack of Go functions, innermost first. The Go function in which a
// block begins, or that was wrapped, belongs to the name that it was given, unless it has several.
func (p *Profiler) OwnerOf(stack func(yield func(goFunction string) bool)) Owner {
	if p == nil {
		return Owner{}
	}
	p.owners.mu.RLock()
	defer p.owners.mu.RUnlock()
	for goFunction := range stack {
		if strings.HasPrefix(goFunction, wrapping) && isWrapper(goFunction[len(wrapping):]) {
			return Owner{Wrapped: true}
		}
		if name := p.owners.byFunction[goFunction]; name != "" {
			return Owner{Name: name, Found: true}
		}
	}
	return Owner{}
}

// wrapping is how the names of this package's functions begin.
const wrapping = "github.com/sentientcore/upshift/profiler."

func isWrapper(name string) bool {
	return strings.HasPrefix(name, "recorded[") || strings.HasPrefix(name, "(*Profiler).Handler.func")
}

// owners says which name the calls in a Go function have.
type owners struct {
	mu         sync.RWMutex
	byFunction map[string]string // "" where there are several names
	generation uint64
}

func (o *owners) add(goFunction, name string) {
	if goFunction == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	had, known := o.byFunction[goFunction]
	switch {
	case known && had == name:
		return
	case known:
		name = ""
	case o.byFunction == nil:
		o.byFunction = map[string]string{}
	}
	o.byFunction[goFunction] = name
	o.generation++
}

// remove forgets a name that was cleared.
func (o *owners) remove(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for goFunction, owner := range o.byFunction {
		if owner == name {
			delete(o.byFunction, goFunction)
			o.generation++
		}
	}
}

// Owners counts the changes of what [Profiler.OwnerOf] answers, for those who keep its answers.
func (p *Profiler) Owners() uint64 {
	if p == nil {
		return 0
	}
	p.owners.mu.RLock()
	defer p.owners.mu.RUnlock()
	return p.owners.generation
}

// noGoFunction is for calls that are in no Go function of their own.
const noGoFunction = "-"

// goFunctionOf names a Go function, or the method of a handler.
func goFunctionOf(v any) string {
	value := reflect.ValueOf(v)
	if !value.IsValid() {
		return noGoFunction
	}
	t := value.Type()
	switch {
	case t.Kind() == reflect.Func && value.IsNil():
		return noGoFunction
	case t.Kind() == reflect.Func:
		return strings.TrimSuffix(runtime.FuncForPC(value.Pointer()).Name(), "-fm")
	case t.Kind() == reflect.Pointer:
		return t.Elem().PkgPath() + ".(*" + t.Elem().Name() + ").ServeHTTP"
	default:
		return t.PkgPath() + "." + t.Name() + ".ServeHTTP"
	}
}

// blockFunction names the Go function that began a block, from inside of this package.
func blockFunction() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		name, own := strings.CutPrefix(frame.Function, wrapping)
		if !own || !(strings.HasPrefix(name, "(*Profiler).") || strings.HasPrefix(name, "(*Site).")) && name != "blockFunction" {
			return frame.Function
		}
		if !more {
			return noGoFunction
		}
	}
}
