package advise

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of [Config].
const (
	DefaultBudgetRatio   = 0.10
	DefaultMaxIndexes    = 20
	DefaultMaxStatements = 200
	DefaultTimeout       = 5 * time.Second
	DefaultMinGainRatio  = 0.01

	maxCandidates = 2000
)

// The engines that price an index.
const (
	// EngineAuto takes the best there is: HypoPG in the database, a sandbox where Postgres is installed on
	// this machine, the structural model.
	EngineAuto = ""
	// EngineHypoPG is the database's own planner, with the extension hypopg.
	EngineHypoPG = "hypopg"
	// EngineSandbox is a throw-away server on this machine with the database's schema and statistics.
	EngineSandbox = "sandbox"
	// EngineStructural figures from plans and statistics.
	EngineStructural = "structural"
)

// Config bounds a search. The zero value means all defaults.
type Config struct {
	// BudgetBytes is what all recommended indexes may take together, by the size model. Zero means
	// BudgetRatio of the bytes of the tables that the workload reads.
	BudgetBytes int64
	// BudgetRatio is above 0, zero means 0.1.
	BudgetRatio float64
	// MaxIndexes is the most that are recommended. Zero means 20.
	MaxIndexes int
	// MaxStatements is how many statements are looked at, those that take most time first. Zero means 200.
	MaxStatements int
	// MinGainRatio is the share of the workload's time that an index must save. Zero means 0.01.
	MinGainRatio float64
	// Engine is one of those above.
	Engine string
	// Timeout bounds the search: what was found by then is the answer. Zero means 5 s.
	Timeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.BudgetRatio == 0 {
		c.BudgetRatio = DefaultBudgetRatio
	}
	if c.MaxIndexes == 0 {
		c.MaxIndexes = DefaultMaxIndexes
	}
	if c.MaxStatements == 0 {
		c.MaxStatements = DefaultMaxStatements
	}
	if c.MinGainRatio == 0 {
		c.MinGainRatio = DefaultMinGainRatio
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	return c
}

// Validate names every fault of c at once.
func (c Config) Validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value float64
	}{
		{"BudgetBytes", float64(c.BudgetBytes)},
		{"BudgetRatio", c.BudgetRatio},
		{"MaxIndexes", float64(c.MaxIndexes)},
		{"MaxStatements", float64(c.MaxStatements)},
		{"MinGainRatio", c.MinGainRatio},
		{"Timeout", float64(c.Timeout)},
	} {
		if !(f.value >= 0) {
			errs = append(errs, fmt.Errorf("advise: %s: must not be negative (got %v)", f.name, f.value))
		}
	}
	switch c.Engine {
	case EngineAuto, EngineHypoPG, EngineSandbox, EngineStructural:
	default:
		errs = append(errs, fmt.Errorf("advise: Engine: must be %s, %s, %s or empty (got %q)", EngineHypoPG, EngineSandbox, EngineStructural, c.Engine))
	}
	return errors.Join(errs...)
}
