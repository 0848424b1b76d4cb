package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes of every command.
const (
	exitFine      = 0
	exitFault     = 1
	exitUsage     = 2
	exitUnhealthy = 3
)

// grammar is the command line: what kong reads, shows and completes.
type grammar struct {
	globals
	Serve      serveCmd      `cmd:"" help:"Run the gateway, the API and the dashboard."`
	Demo       demoCmd       `cmd:"" help:"Run a small RAG system with real traffic and planted faults. Needs no set-up."`
	Status     statusCmd     `cmd:"" help:"Show the health of a running server. Exit code 3 when it is unhealthy."`
	Profile    profileCmd    `cmd:"" help:"Capture a profile of a running server, or of a service behind it, and show where it went."`
	Replay     replayCmd     `cmd:"" help:"Play recorded traffic through every strategy of the balancer. Exit code 3 when the record cannot tell."`
	Config     configCmd     `cmd:"" help:"Show or check the configuration."`
	Token      tokenCmd      `cmd:"" help:"Make, list and revoke tokens of the API."`
	Version    versionCmd    `cmd:"" help:"Show the version."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" passthrough:"" help:"List what can stand next; the completion scripts call it."`
}

// usageError is a fault of how a command was called or configured.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// unhealthyError says that what was looked at is not well.
type unhealthyError struct{ error }

func (e unhealthyError) Unwrap() error { return e.error }

// execute is the whole program; it returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	parser, err := newParser(a)
	if err != nil {
		return a.report(err) // the grammar itself is wrong: a test would have found it
	}
	command, err := parser.Parse(args)
	if err != nil {
		return a.report(misused(err))
	}
	a.kong = parser
	return a.report(command.Run(a))
}

func newParser(a *app) (*kong.Kong, error) {
	return kong.New(&a.grammar,
		kong.Name("upshift"),
		kong.Description("The performance layer for multi-agent RAG systems: see where time goes, fix what is safe, prove it."+
			" Commands end with 0 when all is well, 1 after a fault, 2 when used wrongly, 3 when unhealthy."),
		kong.Writers(a.stdout, a.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.BindTo(context.Background(), (*context.Context)(nil)),
		kong.Vars{"rate": "20", "seed": "1", "score": "60"},
	)
}

// misused adds where to read on to an error of the parser.
func misused(err error) error {
	help := "upshift --help"
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		if node := p.Context.Selected(); node != nil {
			help = node.FullPath() + " --help"
		}
	}
	return usageError{fmt.Errorf("%w; see %s", err, help)}
}

// report prints an error, one line for each fault, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitFine
	}
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintln(a.stderr, "upshift: "+line)
		}
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[unhealthyError](err); ok {
		return exitUnhealthy
	}
	return exitFault
}
