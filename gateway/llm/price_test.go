package llm_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/gateway/llm"
)

func prices(t *testing.T) *llm.Prices {
	t.Helper()
	p, err := llm.DefaultPrices()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCost(t *testing.T) {
	t.Parallel()
	own, err := llm.ParsePrices("own.yaml", []byte(`
date: "2026-01-02"
source: invoice
currency: USD
unit: 1K tokens
models:
  - {model: own-*, input: 0, output: 0}
  - {model: own-big-*, input: 1, output: 2}
  - {model: fast, input: 2, output: 4}
  - {model: fast@priority, input: 4, output: 8}
`))
	if err != nil {
		t.Fatal(err)
	}
	all := llm.Usage{Input: 1000, CachedInput: 400, CacheWrite: 300, CacheWriteHour: 100, Output: 200, Reasoning: 150}
	plain := llm.Usage{Input: 1000, CachedInput: 400, Output: 200}
	for _, tt := range []struct {
		name        string
		prices      *llm.Prices
		model, tier string
		usage       llm.Usage
		want        float64 // below 0: not known
	}{
		{"OpenAI, cached", prices(t), "gpt-4o", "", plain, (600*2.5 + 400*1.25 + 200*10) / 1e6},
		{"a snapshot", prices(t), "gpt-4o-2024-08-06", "", plain, (600*2.5 + 400*1.25 + 200*10) / 1e6},
		{"a snapshot with a price of its own", prices(t), "gpt-4o-2024-05-13", "", llm.Usage{Input: 10, Output: 1}, 65. / 1e6},
		{"another model that begins alike", prices(t), "gpt-4o-mini", "", llm.Usage{Input: 1e6}, 0.15},
		{"a model of the future", prices(t), "gpt-4o-maxi", "", plain, -1},
		{"a provider before the name", prices(t), "openai/gpt-4o", "", llm.Usage{Input: 1e6}, 2.5},
		{
			"Anthropic, all kinds", prices(t), "claude-sonnet-4-5-20250929", "", all,
			(300*3 + 400*.3 + 200*3.75 + 100*6 + 200*15) / 1e6,
		},
		{"cached, with no price for that", prices(t), "gpt-5-pro", "", plain, -1},
		{"the same, not cached", prices(t), "gpt-5-pro", "", llm.Usage{Input: 1e6}, 15},
		{"embeddings", prices(t), "text-embedding-3-small", "", llm.Usage{Input: 1e6}, 0.02},
		{"a class without a price", prices(t), "gpt-4o", "priority", plain, -1},
		{"a class with a price", own, "fast", "priority", llm.Usage{Input: 500, Output: 250}, 4},
		{"nothing is a price", own, "own-7b", "", all, 0},
		{"the longer prefix", own, "own-big-70b", "", llm.Usage{Input: 1000}, 1},
		{"no name", own, "", "", plain, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, known := tt.prices.Cost(tt.model, tt.tier, tt.usage)
			if !known {
				got = -1
			}
			if math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if got := own.Info(); got != (llm.PriceInfo{Date: "2026-01-02", Source: "invoice", Models: 4}) {
		t.Errorf("info %+v", got)
	}
}

func TestPricesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := "date: \"2026-01-02\"\nsource: x\ncurrency: USD\nunit: 1M tokens\nmodels:\n  - {model: a, input: 1, output: 2}\n"
	if _, err := llm.ParsePrices("p.yaml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, next, want string }{
		{"no unit", "unit: 1M tokens\n", "", `unit: must say for what a price is: token, 1K tokens or 1M tokens (got "")`},
		{"another unit", "1M tokens", "1M characters", `p.yaml:4: unit: must say`},
		{"no date", `date: "2026-01-02"`, "", "date: must be the day"},
		{"no source", "source: x\n", "", "source: must say where"},
		{"another currency", "USD", "EUR", "p.yaml:3: currency: must be USD"},
		{"unknown key", "output", "outputs", "did you mean"},
		{"negative", "input: 1", "input: -1", "models[0].input: must be from 0"},
		{"not a number", "input: 1", "input: .nan", "models[0].input"},
		{"no model", "model: a", "model: \"\"", "models[0].model: must be the name"},
		{"star in the middle", "model: a", "model: a*b", "models[0].model: must be the name"},
		{"twice", "models:\n", "models:\n  - {model: a}\n", "models[1].model: must not be there twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := llm.ParsePrices("p.yaml", []byte(strings.Replace(good, tt.old, tt.next, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := llm.ReadPrices(t.TempDir() + "/none.yaml"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Whatever the file, it is refused or can be used.
func FuzzPrices(f *testing.F) {
	f.Add(llm.DefaultPricesText(), "gpt-4o", "priority", int64(10))
	f.Add([]byte("unit: token\nmodels: [{model: \"*\", input: 1e300}]"), "a/b", "", int64(-5))
	f.Fuzz(func(t *testing.T, text []byte, model, tier string, n int64) {
		p, err := llm.ParsePrices("p", text)
		if err != nil {
			return
		}
		dollars, known := p.Cost(model, tier, llm.Usage{Input: n, CachedInput: n / 2, CacheWrite: n / 3, Output: n})
		if dollars < 0 || math.IsNaN(dollars) || math.IsInf(dollars, 0) || !known && dollars != 0 {
			t.Fatalf("costs %v, known %v", dollars, known)
		}
	})
}
