package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/balancer/replay"
)

// replayCmd is upshift replay.
type replayCmd struct {
	Log    string
	Speeds []float64
	Plays  int
	Seed   uint64
	JSON   bool
}

func newReplay(a *app) *cobra.Command {
	r := &replayCmd{}
	c := a.command("replay", "Play recorded traffic through every strategy of the balancer. Exit code 3 when the record cannot tell.", r.run,
		argument{"file", "Recorded traffic: JSON lines of upshift, an Azure or a Mooncake trace, also gzipped; - for standard input.", &r.Log})
	c.ValidArgsFunction = nil // files
	f := c.Flags()
	f.Float64SliceVar(&r.Speeds, "speeds", nil, "Speeds `N,N` of assumed replicas, for a log of arrivals alone. Without it 1,1,2,2.")
	f.IntVar(&r.Plays, "plays", 24, "How many resampled logs are played through each strategy: `N` of 8 to 1000.")
	f.Uint64Var(&r.Seed, "seed", 1, "`SEED` of the resampling.")
	f.BoolVar(&r.JSON, "json", false, jsonHelp)
	return c
}

const maxPlays = 1000

// run plays the log and prints the verdict. A log that cannot tell is unhealthy.
func (c *replayCmd) run(ctx context.Context, a *app) error {
	if c.Plays < 8 || c.Plays > maxPlays {
		return usageError{fmt.Errorf("--plays: must be 8 to %d (got %d)", maxPlays, c.Plays)}
	}
	log, err := c.read()
	if err != nil {
		return err
	}
	model, err := c.model(log)
	if err != nil {
		return cannotTell(err)
	}
	verdict, err := model.Compare(ctx, replay.Options{Plays: c.Plays, Seed: c.Seed})
	if err != nil {
		return cannotTell(err)
	}
	if c.JSON {
		return a.json(verdict)
	}
	return a.printVerdict(verdict)
}

// cannotTell makes a log that says too little unhealthy.
func cannotTell(err error) error {
	if errors.Is(err, replay.ErrCannotTell) {
		return unhealthyError{err}
	}
	return err
}

func (c *replayCmd) model(log *replay.Log) (*replay.Model, error) {
	switch {
	case log.Placed && c.Speeds != nil:
		return nil, usageError{errors.New("--speeds: must be left out: the log shows the servers")}
	case log.Placed:
		return replay.Fit(log)
	case c.Speeds == nil:
		c.Speeds = []float64{1, 1, 2, 2}
	}
	m, err := replay.Assume(log, c.Speeds)
	if err != nil && !errors.Is(err, replay.ErrCannotTell) {
		return nil, usageError{err}
	}
	return m, err
}

// read opens the log, gzipped or not.
func (c *replayCmd) read() (log *replay.Log, err error) {
	file := os.Stdin
	if c.Log != "-" {
		if file, err = os.Open(c.Log); err != nil {
			return nil, usageError{err}
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	in := bufio.NewReader(file)
	var text io.Reader = in
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		if text, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("read %s: %w", c.Log, err)
		}
	}
	return replay.Read(text)
}

// printVerdict prints the verdict for people.
func (a *app) printVerdict(v *replay.Verdict) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "strategy\tp50 ms\tp99 ms\t90 % interval\tsuccess %\tbest in")
	for _, o := range v.Evaluated {
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.4g to %.4g\t%.2f\t%.0f %%\n",
			o.Strategy, o.P50.Value, o.P99.Value, o.P99.Low, o.P99.High, o.SuccessRate.Value, 100*o.Confidence)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "\n%s\n%d calls\n", v.Message, v.Calls)
	return err
}
