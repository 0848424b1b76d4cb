package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/demo"
)

// demoCmd is upshift demo.
type demoCmd struct {
	Rate       float64
	Duration   time.Duration
	Seed       uint64
	NoPostgres bool
	LogLevel   string
}

func newDemo(a *app) *cobra.Command {
	d := &demoCmd{}
	c := a.command("demo", "Run a small RAG system with real traffic and planted faults. Needs no set-up.", d.run)
	c.Long = c.Short + "\n\nThe demo reads neither a file nor the environment, so that it is the same everywhere;" +
		" --set changes its server, and --data-dir keeps what would be a temporary directory."
	f := c.Flags()
	f.Float64Var(&d.Rate, "rate", 20, "`N` requests a second through the gateway, on average.")
	f.DurationVar(&d.Duration, "duration", 0, "End after this `DURATION`, such as 10m. Without it: until Ctrl-C.")
	f.Uint64Var(&d.Seed, "seed", 1, "The same `SEED` is the same corpus and the same users.")
	f.BoolVar(&d.NoPostgres, "no-postgres", false, "Do not start a Postgres of its own, even when the machine has one.")
	chooseLevel(c, &d.LogLevel, "warn")
	return c
}

// run runs the demo until its end, Ctrl-C, SIGTERM or SIGHUP. A second signal ends it at
// once: the system ends Postgres then, and the next demo removes the files.
func (c *demoCmd) run(parent context.Context, a *app) error {
	if a.File != "" {
		return usageError{errors.New("--config: the demo reads no file; change its server by --set")}
	}
	log := logFlags{LogLevel: c.LogLevel, LogFormat: "text"}
	d, err := demo.New(demo.Config{
		Rate: c.Rate, Duration: c.Duration, Seed: c.Seed, NoPostgres: c.NoPostgres, Sets: a.Set, DataDir: a.DataDir,
		Output: a.stdout, Live: isTerminal(a.stdout), Logger: log.logger(a.stderr), Version: versionText(),
	})
	if err != nil {
		return usageError{err}
	}
	ctx, again, stop := interrupts(parent, syscall.SIGHUP) // a terminal that is closed
	defer stop()
	return orCut(again, func() error { return d.Run(ctx) })
}
