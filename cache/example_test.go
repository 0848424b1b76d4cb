package cache_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// A value is fetched once and found afterwards.
func Example() {
	group, err := cache.New(cache.Config{MaxBytes: 64 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	answers, err := cache.Named(group, "answers", cache.Options[string]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		answer, err := answers.GetOrLoad(context.Background(), "why?", func(context.Context) (string, error) {
			fmt.Println("asking the model")
			return "because", nil
		})
		fmt.Println(answer, err)
	}
	fmt.Printf("%.0f %% hits\n", 100*group.Stats().HitRatio)
	// Output:
	// asking the model
	// because <nil>
	// because <nil>
	// because <nil>
	// 67 % hits
}

// Func caches a function; the key is made of its argument.
func ExampleFunc() {
	group, err := cache.New(cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	embeddings, err := cache.Named(group, "embeddings", cache.Options[[]float32]{
		Cost: func(v []float32) int64 { return int64(4 * len(v)) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	type request struct {
		Model string
		Texts []string
	}
	embed, err := cache.Func(embeddings, "embed-v1", cache.EntryOptions{TTL: time.Hour},
		func(_ context.Context, r request) ([]float32, error) {
			fmt.Println("embedding", len(r.Texts), "texts")
			return make([]float32, len(r.Texts)), nil
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		v, err := embed(context.Background(), request{Model: "small", Texts: []string{"a", "b"}})
		fmt.Println(v, err)
	}
	// Output:
	// embedding 2 texts
	// [0 0] <nil>
	// [0 0] <nil>
}

// One call forgets every answer that used a document.
func ExampleGroup_ClearTag() {
	group, err := cache.New(cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	answers, err := cache.Named(group, "answers", cache.Options[string]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, doc := range []string{"doc-1", "doc-2"} {
		if err := answers.Set("about "+doc, "…", cache.EntryOptions{Tags: []string{doc, "corpus"}}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(group.ClearTag(context.Background(), "doc-1"), "answer forgotten")
	fmt.Println(answers.Exists("about doc-1"), answers.Exists("about doc-2"))
	// Output:
	// 1 answer forgotten
	// false true
}

// A response that streams by is stored only when nothing was invalidated meanwhile.
func ExampleMark() {
	group, err := cache.New(cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	responses, err := cache.Named(group, "responses", cache.Options[string]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mark := responses.Mark()
	var body strings.Builder
	for _, chunk := range []string{"to", "ken"} {
		body.WriteString(chunk) // and to the client
	}
	responses.Delete("GET /answer") // an operator, while it streams
	fmt.Println(responses.Set("GET /answer", body.String(), cache.EntryOptions{Since: mark}))
	// Output: cache: invalidated since the mark
}

// A value whose time is over is served at once, and loaded anew in the background.
func ExampleCache_GetOrLoadResult() {
	group, err := cache.New(cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	prices, err := cache.Named(group, "prices", cache.Options[int]{Limits: cache.Limits{
		TTL: time.Millisecond, StaleWhileRevalidate: time.Hour,
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	price := func(context.Context) (int, error) { return 42, nil }
	for range 2 {
		r, err := prices.GetOrLoadResult(context.Background(), "tokens", cache.EntryOptions{}, price)
		fmt.Println(r.Value, r.Stale, err)
		for prices.Exists("tokens") {
			runtime.Gosched() // until its millisecond is over
		}
	}
	// Output:
	// 42 false <nil>
	// 42 true <nil>
}

// Several values are had by one call for those that are missing.
func ExampleCache_GetOrLoadMany() {
	group, err := cache.New(cache.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	users, err := cache.Named(group, "users", cache.Options[string]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ids := range [][]string{{"1", "2"}, {"2", "3", "nobody"}} {
		names, err := users.GetOrLoadMany(context.Background(), ids, cache.EntryOptions{},
			func(_ context.Context, ids []string) (map[string]string, error) {
				fmt.Println("asking for", ids)
				found := map[string]string{}
				for _, id := range ids {
					if id != "nobody" {
						found[id] = "user " + id
					}
				}
				return found, nil
			})
		fmt.Println(names, err)
	}
	// Output:
	// asking for [1 2]
	// map[1:user 1 2:user 2] <nil>
	// asking for [3 nobody]
	// map[2:user 2 3:user 3] <nil>
}

// Answers of a language model cost money. With their prices the cache keeps those that save most
// and says how much it has saved.
func ExampleOptions_price() {
	group, err := cache.New(cache.Config{MaxBytes: 64 << 20})
	if err != nil {
		panic(err)
	}
	type answer struct {
		Text    string
		Dollars float64
	}
	answers, err := cache.Named(group, "answers", cache.Options[answer]{
		Price: func(a answer) float64 { return a.Dollars },
	})
	if err != nil {
		panic(err)
	}
	ask := func(context.Context) (answer, error) { return answer{"42", 0.25}, nil }
	for range 5 {
		if _, err := answers.GetOrLoad(context.Background(), "the question", ask); err != nil {
			panic(err)
		}
	}
	fmt.Println("saved:", group.Stats().MoneySaved, "dollars")
	// Output: saved: 1 dollars
}
