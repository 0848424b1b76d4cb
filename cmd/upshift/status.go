package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/internal/run"
)

// askTimeout bounds one question to a server.
const askTimeout = 15 * time.Second

// statusCmd is upshift status.
type statusCmd struct {
	remote
	JSON      bool
	FailBelow float64
}

func newStatus(a *app) *cobra.Command {
	s := &statusCmd{}
	c := a.command("status", "Show the health of a running server. Exit code 3 when it is unhealthy.", s.run)
	s.add(c)
	c.Flags().BoolVar(&s.JSON, "json", false, jsonHelp)
	c.Flags().Float64Var(&s.FailBelow, "fail-below", 60,
		"Exit code 3 below this health `SCORE` (0 to 100); no healthy server is unhealthy at any score.")
	return c
}

// run asks the server and prints its verdict.
func (c *statusCmd) run(parent context.Context, a *app) error {
	if !(c.FailBelow >= 0 && c.FailBelow <= 100) {
		return usageError{fmt.Errorf("--fail-below: must be 0 to 100 (got %v)", c.FailBelow)}
	}
	client, where, err := c.connect(a)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(parent, askTimeout)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return unreachable(err, where)
	}
	if c.JSON {
		err = a.json(s)
	} else {
		err = a.printStatus(s)
	}
	return errors.Join(err, c.verdict(s))
}

// verdict is an error when the system is unhealthy.
func (c *statusCmd) verdict(s api.SystemStatus) error {
	balancer := s.Components.LoadBalancer
	switch {
	case balancer.TotalServers > 0 && balancer.HealthyServers == 0:
		return unhealthyError{fmt.Errorf("unhealthy: none of the %d servers is healthy", balancer.TotalServers)}
	case s.HealthScore < c.FailBelow:
		return unhealthyError{fmt.Errorf("unhealthy: the health score %.1f is below %g", s.HealthScore, c.FailBelow)}
	}
	return nil
}

// printStatus prints the verdict for people.
func (a *app) printStatus(s api.SystemStatus) error {
	fmt.Fprintf(a.stdout, "health %.1f of 100, %s (%.0f %% of it judged on enough data); alerts %d; version %s\n\n",
		s.HealthScore, a.paint(s.Status, gradeColor(s.Status)), 100*s.Confidence, s.Alerts, s.Version)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, line := range componentLines(s.Components) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", line[0], line[1], line[2])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printCauses(s)
	a.printTroubles(s)
	for _, text := range s.Warnings {
		fmt.Fprintf(a.stdout, "\n%s %s\n", a.paint("warning:", yellow), text)
	}
	return nil
}

func componentLines(c api.StatusComponents) [][3]string {
	database := fmt.Sprintf("%d slow queries", c.Database.SlowQueries)
	if !c.Database.Connected {
		database = "not connected: " + c.Database.LastError
	}
	lines := [][3]string{
		{"cache", c.Cache.Status, fmt.Sprintf("hit rate %.1f %%", 100*c.Cache.HitRate)},
		{"memory", c.Memory.Status, fmt.Sprintf("%.1f %% used", c.Memory.UsagePercent)},
		{"load balancer", c.LoadBalancer.Status, fmt.Sprintf("%d of %d servers healthy, %.2f %% success",
			c.LoadBalancer.HealthyServers, c.LoadBalancer.TotalServers, c.LoadBalancer.SuccessRate)},
		{"database", c.Database.Status, database},
	}
	for i := range lines {
		if lines[i][1] == "disabled" {
			lines[i][2] = ""
		}
	}
	return lines
}

func (a *app) printCauses(s api.SystemStatus) {
	if len(s.Causes) > 0 {
		fmt.Fprintf(a.stdout, "\nlost points\n")
	}
	for _, c := range s.Causes {
		fmt.Fprintf(a.stdout, "  %5.1f  %s: %s\n", -c.Lost, c.Component, c.Reason)
		if c.Action != "" {
			fmt.Fprintf(a.stdout, "         %s\n", a.paint(c.Action, faint))
		}
	}
}

// printTroubles names the parts and loops that are not well.
func (a *app) printTroubles(s api.SystemStatus) {
	trouble := func(name, state, reason string) {
		fmt.Fprintf(a.stdout, "\n%s %s: %s\n", name, a.paint(state, red), reason)
	}
	for _, p := range s.Parts {
		if p.State != run.PhaseRunning {
			trouble(p.Name, p.State, p.LastError)
		}
	}
	for _, l := range s.Loops {
		if l.LastError != "" {
			trouble(l.Name, "failed", l.LastError)
		}
	}
}

func gradeColor(grade string) string {
	switch grade {
	case "excellent", "good":
		return green
	case "fair":
		return yellow
	default:
		return red
	}
}
