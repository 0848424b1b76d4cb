package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentientcore/upshift/gateway/llm"
)

func newConfig(a *app) *cobra.Command {
	p, k := &configPrintCmd{}, &configCheckCmd{}
	show := a.command("print", "Show every value in force and where it comes from. Secrets are ***.", p.run)
	show.Flags().BoolVar(&p.JSON, "json", false, jsonHelp)
	check := a.command("check", "Check the configuration and name every fault. Exit code 2 when there is one.", k.run)
	check.Flags().BoolVar(&k.JSON, "json", false, jsonHelp)
	prices := a.command("prices", "Print the prices of language models that come with upshift, for gateway.prices.", printPrices)
	return a.group("config", "Show or check the configuration.", show, check, prices)
}

// configPrintCmd is upshift config print.
type configPrintCmd struct{ JSON bool }

// run prints key, value and origin of each setting.
func (c *configPrintCmd) run(_ context.Context, a *app) error {
	_, settings, err := a.load()
	if err != nil {
		return err
	}
	if c.JSON {
		return a.json(settings)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVALUE\tORIGIN")
	for _, s := range settings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, s.Value, s.Origin)
	}
	return w.Flush()
}

// configCheckCmd is upshift config check.
type configCheckCmd struct{ JSON bool }

// checked is the outcome of a check.
type checked struct {
	Valid  bool     `json:"valid"`
	Set    int      `json:"set"`
	Faults []string `json:"faults"`
}

// run checks the configuration.
func (c *configCheckCmd) run(_ context.Context, a *app) error {
	_, settings, err := a.load()
	result := checked{Valid: err == nil, Faults: []string{}}
	for _, s := range settings {
		if s.Origin != "default" {
			result.Set++
		}
	}
	if err != nil {
		result.Faults = strings.Split(strings.TrimSpace(err.Error()), "\n")
	}
	if c.JSON {
		if encodeErr := a.json(result); encodeErr != nil {
			return encodeErr
		}
		return err
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "the configuration is valid: %d values set, the others are defaults\n", result.Set)
	return err
}

// printPrices is upshift config prices.
func printPrices(_ context.Context, a *app) error {
	_, err := a.stdout.Write(llm.DefaultPricesText())
	return err
}
