package main

import (
	"io"
	"log/slog"
)

// logFlags say what is logged, and how.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error. Default ${default}."`
	LogFormat string `default:"auto" enum:"auto,text,json" placeholder:"FORMAT" help:"text, json or auto, which is text on a terminal and JSON elsewhere. Default ${default}."`
}

// logger writes to w.
func (f *logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo // kong has checked it: for the zero value of tests
	}
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "text" || f.LogFormat == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
