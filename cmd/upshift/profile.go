package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/profiler/capture"
)

const (
	// pollEvery is how often a capture under way is looked at.
	pollEvery = 250 * time.Millisecond
	// profileGrace is what a capture may take beyond its seconds, a target's answer included.
	profileGrace = time.Minute
)

// profileCmd is upshift profile.
type profileCmd struct {
	remote
	Kind    string
	Seconds int
	Target  string
	Output  string
	Base    string
	Top     int
	JSON    bool
}

func newProfile(a *app) *cobra.Command {
	p := &profileCmd{}
	c := a.command("profile", "Capture a profile of a running server, or of a service behind it, and show where it went.", p.run)
	p.add(c)
	choose(c, &p.Kind, "kind", "cpu", "`KIND` of profile", "cpu", "wall", "heap", "allocs", "goroutine", "block", "mutex", "trace")
	f := c.Flags()
	f.IntVar(&p.Seconds, "seconds", 0, "Record for `N` seconds: 1 to 300, a trace 30. Without it 10; heap and goroutine take none.")
	f.StringVar(&p.Target, "target", "", "`NAME` of another service, out of profiler.capture.targets. Without it the server itself.")
	f.StringVarP(&p.Output, "output", "o", "", "`FILE` to write the capture to, for go tool pprof (go tool trace for a trace).")
	f.StringVar(&p.Base, "base", "", "Show what changed since the capture of this `ID`.")
	f.IntVar(&p.Top, "top", 20, "Show `N` functions.")
	f.BoolVar(&p.JSON, "json", false, jsonHelp)
	return c
}

// profiled is what --json prints.
type profiled struct {
	Capture capture.Capture `json:"capture"`
	Top     *capture.Top    `json:"top,omitempty"`
	Diff    *capture.Diff   `json:"diff,omitempty"`
}

// run captures, waits, and shows where it went.
func (c *profileCmd) run(parent context.Context, a *app) error {
	if c.Top < 1 || c.Top > 1000 {
		return usageError{fmt.Errorf("--top: must be 1 to 1000 (got %d)", c.Top)}
	}
	client, where, err := c.connect(a)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(parent, time.Duration(max(c.Seconds, 0))*time.Second+2*profileGrace)
	defer cancel()
	var started capture.Started
	err = client.Post(ctx, "/profiler/captures", map[string]any{
		"kind": c.Kind, "seconds": c.Seconds, "target": c.Target,
	}, &started)
	if err != nil {
		return c.refused(err, where)
	}
	done, err := c.await(ctx, a, client, started)
	if err != nil {
		return unreachable(err, where)
	}
	if done.State == capture.Failed {
		return errors.New(done.Error)
	}
	return c.show(ctx, a, client, done)
}

// refused tells a request that can never work from a server that could not.
func (c *profileCmd) refused(err error, where string) error {
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == 400 {
		return usageError{err}
	}
	return unreachable(err, where)
}

// await returns the capture once it has ended.
func (c *profileCmd) await(ctx context.Context, a *app, client *api.Client, s capture.Started) (capture.Capture, error) {
	if s.Joined {
		fmt.Fprintf(a.stderr, "capture %s is under way already and is this one\n", s.ID)
	}
	terminal, began := isTerminal(a.stderr), time.Now()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var list []capture.Capture
		if err := client.Get(ctx, "/profiler/captures", &list); err != nil {
			return capture.Capture{}, err
		}
		found := capture.Capture{State: capture.Failed, Error: "the capture is gone: newer ones took its room"}
		for _, e := range list {
			if e.ID == s.ID {
				found = e
			}
		}
		if terminal {
			fmt.Fprintf(a.stderr, "\r%s, %s: %.0f of %d s ", s.Kind, found.State, time.Since(began).Seconds(), s.Seconds)
		}
		if found.State == capture.Done || found.State == capture.Failed {
			if terminal {
				fmt.Fprintln(a.stderr)
			}
			return found, nil
		}
		select {
		case <-ctx.Done():
			return capture.Capture{}, fmt.Errorf("wait for capture %s: %w; it goes on in the server", s.ID, ctx.Err())
		case <-tick.C:
		}
	}
}

// show prints the capture, and writes its file where one is asked for.
func (c *profileCmd) show(ctx context.Context, a *app, client *api.Client, done capture.Capture) error {
	path := "/profiler/captures/" + url.PathEscape(done.ID)
	if c.Output != "" {
		data, err := client.Document(ctx, "/api/performance"+path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.Output, data, 0o600); err != nil {
			return fmt.Errorf("write the capture: %w", err)
		}
	}
	out := profiled{Capture: done}
	var err error
	switch {
	case done.Kind == capture.Trace: // no functions to show
	case c.Base != "":
		err = client.Get(ctx, fmt.Sprintf("%s/diff?limit=%d&base=%s", path, c.Top, url.QueryEscape(c.Base)), &out.Diff)
	default:
		err = client.Get(ctx, fmt.Sprintf("%s/top?limit=%d", path, c.Top), &out.Top)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return a.json(out)
	}
	return c.print(a, out)
}

func (c *profileCmd) print(a *app, out profiled) error {
	fmt.Fprintf(a.stdout, "capture %s, %d bytes", out.Capture.ID, out.Capture.SizeBytes)
	if c.Output != "" {
		fmt.Fprintf(a.stdout, ", in %s", c.Output)
	}
	fmt.Fprintln(a.stdout)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	switch {
	case out.Top != nil:
		fmt.Fprintf(a.stdout, "%s, %s in all\n", out.Top.Sample, quantity(float64(out.Top.Total), out.Top.Unit))
		for _, f := range out.Top.Functions {
			fmt.Fprintf(w, "%s\t%.1f %%\t%s\t%.1f %%\t  %s\n", quantity(float64(f.Flat), out.Top.Unit), 100*f.FlatShare,
				quantity(float64(f.Cumulative), out.Top.Unit), 100*f.CumulativeShare, f.Name)
		}
	case out.Diff != nil:
		fmt.Fprintf(a.stdout, "%s: %s (%d samples, %d before)\n", out.Diff.Sample, out.Diff.Verdict, out.Diff.Samples, out.Diff.BaseSamples)
		for _, f := range out.Diff.Functions {
			fmt.Fprintf(w, "%s\t%s\t%s\t  %s\n", out.measured(f.Base), out.measured(f.Value), f.Verdict, f.Name)
		}
	}
	return w.Flush()
}

// measured is a value of a difference as text.
func (p profiled) measured(v float64) string {
	if p.Diff.Measure == "share" {
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	return quantity(v, p.Diff.Unit)
}

// quantity is a value with its unit, for people.
func quantity(v float64, unit string) string {
	switch unit {
	case "nanoseconds":
		return time.Duration(v).Round(time.Millisecond).String()
	case "bytes":
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	}
	return fmt.Sprintf("%.0f", math.Round(v))
}
