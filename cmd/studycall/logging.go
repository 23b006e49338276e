package main

import (
	"io"
	"log/slog"
)

type logFlags struct {
	LogFormat string `enum:"text,json" default:"text" env:"STUDYCALL_LOG_FORMAT" help:"Format of log lines: text or json."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"STUDYCALL_LOG_LEVEL" help:"Least level of log lines: debug, info, warn or error."`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // one of the enum
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: inSeconds}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// inSeconds writes durations as numbers of seconds; slog would write nanoseconds.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}
