package llm

import (
	_ "embed" // of the default prices
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentientcore/upshift/internal/conf"
)

// units are what a price can be for, in tokens.
var units = map[string]float64{"token": 1, "1K tokens": 1e3, "1M tokens": 1e6}

const (
	currency  = "USD"
	maxModels = 10_000
	maxPrice  = 1e6
)

// Price is what a model asks, in the unit of its table. Zero is no price: a request that used what
// has none, of a model that has others, cannot be priced.
type Price struct {
	// Model is the exact name, or a prefix of names followed by *.
	Model string `conf:"model"`
	// Input is for the prompt, CachedInput for what of it the provider had in its cache,
	// CacheWrite for what is written there, CacheWriteHour for an hour.
	Input          float64 `conf:"input"`
	CachedInput    float64 `conf:"cached_input"`
	CacheWrite     float64 `conf:"cache_write"`
	CacheWriteHour float64 `conf:"cache_write_1h"`
	// Output is for the answer.
	Output float64 `conf:"output"`
}

// table is a file of prices.
type table struct {
	Date     string  `conf:"date"`
	Source   string  `conf:"source"`
	Currency string  `conf:"currency"`
	Unit     string  `conf:"unit"`
	Models   []Price `conf:"models"`
}

// Validate names every fault at once.
func (t table) Validate() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if _, err := time.Parse(time.DateOnly, t.Date); err != nil {
		fault("date", "must be the day on which the prices were looked up, as in 2026-11-25 (got %q)", t.Date)
	}
	if t.Source == "" {
		fault("source", "must say where the prices are from")
	}
	if t.Currency != currency {
		fault("currency", "must be %s, in which costs are counted (got %q)", currency, t.Currency)
	}
	if units[t.Unit] == 0 {
		fault("unit", "must say for what a price is: token, 1K tokens or 1M tokens (got %q)", t.Unit)
	}
	if len(t.Models) > maxModels {
		fault("models", "must be at most %d (got %d)", maxModels, len(t.Models))
	}
	seen := map[string]int{}
	for i, p := range t.Models {
		key := fmt.Sprintf("models[%d]", i)
		if p.Model == "" || name(p.Model) == "" || strings.Contains(strings.TrimSuffix(p.Model, "*"), "*") {
			fault(key+".model", "must be the name of a model, with * at most at its end (got %q)", p.Model)
		} else if j, ok := seen[p.Model]; ok {
			fault(key+".model", "must not be there twice: %s is models[%d] already", p.Model, j)
		}
		seen[p.Model] = i
		for _, f := range []struct {
			key   string
			value float64
		}{
			{"input", p.Input},
			{"cached_input", p.CachedInput},
			{"cache_write", p.CacheWrite},
			{"cache_write_1h", p.CacheWriteHour},
			{"output", p.Output},
		} {
			if !(f.value >= 0 && f.value <= maxPrice) {
				fault(key+"."+f.key, "must be from 0 to %g (got %g)", maxPrice, f.value)
			}
		}
	}
	return errors.Join(errs...)
}

//go:embed prices.yaml
var defaultPrices []byte

// Prices are the prices of models. They never change. Nil has no price for any.
type Prices struct {
	table
	exact    map[string]Price
	prefixes []Price // longest first
}

// DefaultPrices returns the prices that come with upshift.
func DefaultPrices() (*Prices, error) { return readDefault() }

var readDefault = sync.OnceValues(func() (*Prices, error) { return ParsePrices("prices.yaml", defaultPrices) })

// ReadPrices reads a file of prices in the form of the one that comes with upshift. The error names
// every fault with its line and field.
func ReadPrices(file string) (*Prices, error) { return readPrices(conf.Sources{File: file}) }

// ParsePrices reads the text of such a file; name stands for it in errors.
func ParsePrices(name string, text []byte) (*Prices, error) {
	return readPrices(conf.Sources{File: name, Text: text})
}

func readPrices(src conf.Sources) (*Prices, error) {
	p := &Prices{exact: map[string]Price{}}
	if _, err := conf.Load(&p.table, src); err != nil {
		return nil, err
	}
	for _, m := range p.Models {
		if prefix, ok := strings.CutSuffix(m.Model, "*"); ok {
			m.Model = prefix
			p.prefixes = append(p.prefixes, m)
			continue
		}
		p.exact[m.Model] = m
	}
	slices.SortFunc(p.prefixes, func(a, b Price) int { return len(b.Model) - len(a.Model) })
	return p, nil
}

// DefaultPricesText is the file of prices that comes with upshift, to be copied and corrected.
func DefaultPricesText() []byte { return slices.Clone(defaultPrices) }

// snapshots are ends of names that say which version of a model it is.
var snapshots = regexp.MustCompile(`(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest)$`)

// find looks a model up.
func (p *Prices) find(model, tier string) (Price, bool) {
	names := []string{model}
	if _, own, ok := cutLast(model, "/"); ok {
		names = append(names, own)
	}
	for _, n := range names {
		for _, n := range []string{n, snapshots.ReplaceAllString(n, "")} {
			if tier != "" {
				n += "@" + tier
			}
			if found, ok := p.exact[n]; ok {
				return found, true
			}
		}
	}
	if tier != "" {
		return Price{}, false
	}
	for _, n := range names {
		for _, prefix := range p.prefixes {
			if strings.HasPrefix(n, prefix.Model) {
				return prefix, true
			}
		}
	}
	return Price{}, false
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Cost is what an answer of a model costs in dollars, and false where that is not known: a model or
// class of service that has no price, or a use that has none.
func (p *Prices) Cost(model, tier string, u Usage) (dollars float64, known bool) {
	if p == nil {
		return 0, false
	}
	m, ok := p.find(model, tier)
	if !ok {
		return 0, false
	}
	if m == (Price{Model: m.Model}) {
		return 0, true // it is said to cost nothing
	}
	for _, part := range []struct {
		tokens int64
		price  float64
	}{
		{u.Input - u.CachedInput - u.CacheWrite, m.Input},
		{u.CachedInput, m.CachedInput},
		{u.CacheWrite - u.CacheWriteHour, m.CacheWrite},
		{u.CacheWriteHour, m.CacheWriteHour},
		{u.Output, m.Output},
	} {
		if part.tokens > 0 && part.price == 0 {
			return 0, false
		}
		dollars += float64(max(part.tokens, 0)) * part.price
	}
	dollars /= units[p.Unit]
	return dollars, !math.IsInf(dollars, 0)
}

// PriceInfo says which prices are in force.
type PriceInfo struct {
	Date   string `json:"date"`
	Source string `json:"source"`
	Models int    `json:"models"`
}

// Info says which prices these are.
func (p *Prices) Info() PriceInfo {
	if p == nil {
		return PriceInfo{}
	}
	return PriceInfo{p.Date, p.Source, len(p.Models)}
}
