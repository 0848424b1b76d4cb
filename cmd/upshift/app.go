package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/internal/conf"
)

// defaultFile is read when it exists and --config names no other.
const defaultFile = "upshift.yaml"

// jsonHelp describes --json.
const jsonHelp = "Print JSON."

// globals are the flags that every command takes.
type globals struct {
	File    string
	Set     []string
	DataDir string
}

// app is what commands run with.
type app struct {
	globals
	stdout, stderr io.Writer
}

// sources are where the configuration comes from.
func (g *globals) sources() conf.Sources {
	src := conf.Sources{File: g.File, Env: os.Environ(), Sets: append([]string(nil), g.Set...)}
	if src.File == "" {
		if _, err := os.Stat(defaultFile); err == nil {
			src.File = defaultFile
		}
	}
	if g.DataDir != "" {
		src.Sets = append(src.Sets, "data_dir="+g.DataDir)
	}
	return src
}

// load reads the configuration. Its faults are usage errors.
func (g *globals) load() (upshift.Config, []api.Setting, error) {
	cfg, report, err := upshift.Load(g.sources())
	if err != nil {
		return upshift.Config{}, nil, usageError{err}
	}
	settings := make([]api.Setting, len(report.Settings))
	for i, s := range report.Settings {
		settings[i] = api.Setting(s)
	}
	return cfg, settings, nil
}

// json prints v.
func (a *app) json(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = fmt.Fprintln(a.stdout, string(text))
	return err
}

// isTerminal reports whether a person reads w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// paint colours text for a terminal; NO_COLOR and pipes leave it as it is.
func (a *app) paint(text, color string) string {
	if color == "" || os.Getenv("NO_COLOR") != "" || !isTerminal(a.stdout) {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// The colours of verdicts.
const (
	green  = "32"
	yellow = "33"
	red    = "31"
	faint  = "2"
)
