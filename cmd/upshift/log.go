package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// logFlags say what is logged, and how.
type logFlags struct {
	LogLevel, LogFormat string
}

func (f *logFlags) add(c *cobra.Command) {
	chooseLevel(c, &f.LogLevel, "info")
	choose(c, &f.LogFormat, "log-format", "auto", "`FORMAT` of the log; auto is text on a terminal and JSON elsewhere", "auto", "text", "json")
}

func chooseLevel(c *cobra.Command, level *string, preset string) {
	choose(c, level, "log-level", preset, "Least `LEVEL` that is logged", "debug", "info", "warn", "error")
}

// logger writes to w.
func (f *logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo // the flag was checked: for the zero value of tests
	}
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "text" || f.LogFormat == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
