package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/demo"
)

// demoCmd is upshift demo.
type demoCmd struct {
	Rate     float64       `default:"${rate}" placeholder:"N" help:"Requests a second through the gateway, on average. Default ${rate}."`
	Duration time.Duration `placeholder:"DURATION" help:"End after this long, such as 10m. Without it: until Ctrl-C."`
	Seed     uint64        `default:"${seed}" placeholder:"N" help:"The same seed is the same corpus and the same users. Default ${seed}."`
	Postgres bool          `default:"true" negatable:"" help:"Start a Postgres of its own when the machine has one (--no-postgres: never)."`
	LogLevel string        `default:"warn" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error. Default ${default}."`
}

// Help is what upshift demo --help adds.
func (*demoCmd) Help() string {
	return "The demo reads neither a file nor the environment, so that it is the same everywhere;" +
		" --set changes its server, and --data-dir keeps what would be a temporary directory."
}

// Run runs the demo until its end, Ctrl-C, SIGTERM or SIGHUP. A second signal ends it at
// once: the system ends Postgres then, and the next demo removes the files.
func (c *demoCmd) Run(parent context.Context, a *app) error {
	if a.File != "" {
		return usageError{errors.New("--config: the demo reads no file; change its server by --set")}
	}
	log := logFlags{LogLevel: c.LogLevel, LogFormat: "text"}
	d, err := demo.New(demo.Config{
		Rate: c.Rate, Duration: c.Duration, Seed: c.Seed, NoPostgres: !c.Postgres, Sets: a.Set, DataDir: a.DataDir,
		Output: a.stdout, Live: isTerminal(a.stdout), Logger: log.logger(a.stderr), Version: versionText(),
	})
	if err != nil {
		return usageError{err}
	}
	ctx, again, stop := interrupts(parent, syscall.SIGHUP) // a terminal that is closed
	defer stop()
	return orCut(again, func() error { return d.Run(ctx) })
}
