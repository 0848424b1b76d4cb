package profiler

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
)

// here is the stack of its caller, innermost first.
func here() []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var names []string
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		names = append(names, frame.Function)
	}
	return names
}

func searchForOwner(_ context.Context, _ int) ([]string, error) { return here(), nil }

func shareForOwner(_ context.Context, _ int) ([]string, error) { return here(), nil }

func blockForOwner(p *Profiler) []string {
	defer p.Start("block").Done(nil)
	return here()
}

type ownedHandler struct{ saw []string }

func (h *ownedHandler) ServeHTTP(http.ResponseWriter, *http.Request) { h.saw = here() }

func TestOwners(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	owner := func(stack []string) Owner { return p.OwnerOf(slices.Values(stack)) }
	call := func(f func(context.Context, int) ([]string, error)) []string {
		stack, err := f(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return stack
	}
	serve := func(h http.Handler) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	}
	search := call(Wrap(p, "search", searchForOwner))
	if got := owner(search); got != (Owner{Name: "search", Found: true}) {
		t.Errorf("wrapped: %+v", got)
	}
	// Two names for one Go function: the stack does not tell which, the label does.
	one, two := Wrap(p, "one", shareForOwner), Wrap(p, "two", shareForOwner)
	call(one)
	if got := owner(call(two)); got != (Owner{Wrapped: true}) {
		t.Errorf("shared: %+v", got)
	}
	if got := owner(blockForOwner(p)); got != (Owner{Name: "block", Found: true}) {
		t.Errorf("block: %+v", got)
	}
	h := &ownedHandler{}
	serve(p.Handler("handler", h))
	if got := owner(h.saw); got != (Owner{Name: "handler", Found: true}) {
		t.Errorf("handler: %+v", got)
	}
	if got := owner(here()); got.Found || got.Wrapped {
		t.Errorf("outside: %+v", got)
	}
	generation := p.Owners()
	p.Clear("search")
	if got := owner(search); got != (Owner{Wrapped: true}) || p.Owners() == generation {
		t.Errorf("cleared: %+v", got)
	}
	call(Wrap(p, "search", searchForOwner))
	if got := owner(search); got.Name != "search" {
		t.Errorf("called again: %+v", got)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{Threshold: 1})
	var label string
	look := func(ctx context.Context) { label, _ = pprof.Label(ctx, LabelKey) }
	inner := Wrap(p, "inner", func(ctx context.Context, _ int) (int, error) { look(ctx); return 0, nil })
	outer := Wrap(p, "outer", func(ctx context.Context, n int) (int, error) {
		_, _ = inner(ctx, n) // fails never
		got := label
		look(ctx)
		if (got == "inner") != (n == 1) || (label == "outer") != (n == 1) {
			t.Errorf("labelling %d: labels %q inside %q", n, got, label)
		}
		return 0, nil
	})
	handler := p.Handler("handler", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { look(r.Context()) }))
	for n := range 2 {
		p.SetLabelling(n == 1)
		_, _ = outer(t.Context(), n) // fails never
		handler.ServeHTTP(nil, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if (label == "handler") != (n == 1) {
			t.Errorf("labelling %d: handler labelled %q", n, label)
		}
	}
	if e := mustFunction(t, p, "inner").Exemplars; len(e) == 0 || len(e[0].Labels) != 0 {
		t.Errorf("exemplars show the label of the outer call: %+v", e)
	}
}

func TestCosts(t *testing.T) {
	t.Parallel()
	p := newProfiler(t, Config{})
	p.Start("f").End(nil)
	if c := mustFunction(t, p, "f").Cost; c.CPU.Reason != notMeasured || c.Alloc.Reason != notMeasured {
		t.Errorf("before: %+v", c)
	}
	want := Cost{CPU: Estimate{Known: true, PerCall: 1, Calls: 1}}
	p.SetCosts(map[string]Cost{"f": want, "gone": want})
	if got := mustFunction(t, p, "f").Cost; got != want || len(p.Functions()) != 1 {
		t.Errorf("after: %+v", got)
	}
	if n := p.CallCounts()["f"]; n != 1 {
		t.Errorf("%d calls", n)
	}
	var none *Profiler
	none.SetCosts(nil)
	none.SetLabelling(true)
	if none.CallCounts() != nil || none.Owners() != 0 || none.OwnerOf(slices.Values(here())) != (Owner{}) {
		t.Error("a nil profiler knows something")
	}
}
