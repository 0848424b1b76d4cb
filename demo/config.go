package demo

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sentientcore/upshift"
)

// The bounds of [Config.Rate].
const (
	DefaultRate = 20
	maxRate     = 2000
)

// Config says how the demo runs. The zero value is a demo that runs in silence until its
// context ends.
type Config struct {
	// Rate is the mean number of requests a second through the gateway, those that the
	// agents send each other included. Zero means 20.
	Rate float64
	// Duration ends the demo by itself. Zero means that only the context does.
	Duration time.Duration
	// Seed makes corpus and users; the same seed is the same load.
	Seed uint64
	// NoPostgres keeps the corpus in memory even where a Postgres could be started.
	NoPostgres bool
	// DataDir is where the server of the demo keeps its files, and stays afterwards. Empty
	// means a temporary directory, which is removed.
	DataDir string
	// Sets are key=value settings for the server of the demo; they win over its own.
	Sets []string
	// Output gets the login link and what to look at. Nil discards.
	Output io.Writer
	// Live adds a line about the traffic every ten seconds.
	Live bool
	// Logger receives the log of server and agents; nil discards.
	Logger *slog.Logger
	// Version is shown in the API; empty is "dev".
	Version string
	// Ready is called once, when the dashboard answers and the users begin. Nil is fine.
	Ready func(*upshift.Manager)
}

func (c Config) withDefaults() Config {
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Output == nil {
		c.Output = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Ready == nil {
		c.Ready = func(*upshift.Manager) {}
	}
	return c
}

// Validate names every fault of c at once; nil means none.
func (c Config) Validate() error {
	var errs []error
	if c.Rate != 0 && !(c.Rate >= 0.1 && c.Rate <= maxRate) {
		errs = append(errs, fmt.Errorf("rate: must be between 0.1 and %d requests a second (got %v)", maxRate, c.Rate))
	}
	if c.Duration < 0 {
		errs = append(errs, fmt.Errorf("duration: must not be negative (got %v)", c.Duration))
	}
	return errors.Join(errs...)
}
