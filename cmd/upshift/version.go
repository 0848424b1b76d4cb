package main

import (
	"fmt"
	"runtime"
)

// versionCmd is upshift version.
type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Run prints the version.
func (c *versionCmd) Run(a *app) error {
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
