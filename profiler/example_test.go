package profiler_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

// A block is timed from Start to Done, which also notes its error or panic.
func ExampleProfiler_Start() {
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	load := func(name string) (err error) {
		defer p.Start("load").Done(&err)
		if name == "" {
			return errors.New("no name")
		}
		return nil
	}
	_ = load("documents")
	_ = load("")
	s, _ := p.Function("load")
	fmt.Println(s.Calls, s.Errors, s.RecentErrors[0].Error)
	// Output: 2 1 no name
}

// Wrap keeps the signature of the function.
func ExampleWrap() {
	p, err := profiler.New(profiler.Config{Threshold: 200 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	search := profiler.Wrap(p, "search", func(_ context.Context, query string) (int, error) {
		return len(query), nil
	})
	hits, _ := search(context.Background(), "agents")
	fmt.Println(hits, p.Stats().Calls)
	// Output: 6 1
}

// Calls nest through their context; what runs inside is not the outer call's self time.
func ExampleProfiler_StartContext() {
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, answer := p.StartContext(context.Background(), "answer")
	_, retrieve := p.StartContext(ctx, "retrieve")
	time.Sleep(2 * time.Millisecond)
	retrieve.End(nil)
	answer.End(nil)
	s, _ := p.Function("answer")
	fmt.Println(s.SelfSeconds < s.TotalSeconds)
	// Output: true
}

// Bottlenecks come with the evidence for each piece of advice.
func ExampleProfiler_Bottlenecks() {
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 20 {
		p.Start("rerank").End(errors.New("model overloaded"))
	}
	for _, b := range p.Bottlenecks(95) {
		fmt.Println(b.Name, b.SlowCalls)
		advice, _, _ := strings.Cut(b.Recommendations[0], ":")
		fmt.Println(advice)
	}
	// Output:
	// rerank 2
	// 100.0 % of 20 calls failed, the last with "model overloaded"
}

// Handlers and transports are wrapped in place; a nil profiler leaves them as they are.
func ExampleProfiler_Handler() {
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	server := &http.Server{Handler: p.Handler("api", mux), ReadHeaderTimeout: time.Second}
	client := &http.Client{Transport: p.RoundTripper("llm", nil)}
	fmt.Println(server.Handler != nil, client.Transport != nil)
	// Output: true true
}
