package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// versionCmd is upshift version.
type versionCmd struct{ JSON bool }

func newVersion(a *app) *cobra.Command {
	v := &versionCmd{}
	c := a.command("version", "Show the version.", v.run)
	c.Flags().BoolVar(&v.JSON, "json", false, jsonHelp)
	return c
}

// run prints the version.
func (c *versionCmd) run(_ context.Context, a *app) error {
	v := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		System  string `json:"system"`
	}{versionText(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if c.JSON {
		return a.json(v)
	}
	_, err := fmt.Fprintf(a.stdout, "upshift %s (%s, %s)\n", v.Version, v.Go, v.System)
	return err
}
