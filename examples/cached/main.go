// Command cached puts a slow function behind the cache: a hundred callers ask the same
// question at once and the model is asked once; clearing a tag makes it forget.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/sentientcore/upshift/cache"
)

// question is what a cached answer depends on.
type question struct {
	Model string
	Text  string
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	group, err := cache.New(cache.Config{MaxBytes: 64 << 20})
	if err != nil {
		return err
	}
	answers, err := cache.Named(group, "answers", cache.Options[string]{})
	if err != nil {
		return err
	}
	var asked atomic.Int64
	ask := func(_ context.Context, q question) (string, error) {
		asked.Add(1)
		return "42 (" + q.Model + ")", nil
	}
	cached, err := cache.Func(answers, "ask", cache.EntryOptions{Tags: []string{"corpus-7"}}, ask)
	if err != nil {
		return err
	}

	q := question{Model: "small", Text: "What is six times seven?"}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := cached(ctx, q); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	wg.Wait()
	fmt.Fprintln(out, "asked after 100 callers:", asked.Load())

	group.ClearTag(ctx, "corpus-7") // the documents changed
	answer, err := cached(ctx, q)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "answer:", answer)
	fmt.Fprintln(out, "asked after the corpus changed:", asked.Load())
	return nil
}
