package main

import (
	"fmt"
	"time"
	_ "time/tzdata" // the machine may have no time zones of its own
)

// timeZone is a flag that names a time zone.
type timeZone struct{ *time.Location }

// UnmarshalText implements encoding.TextUnmarshaler.
func (z *timeZone) UnmarshalText(text []byte) error {
	location, err := time.LoadLocation(string(text))
	if err != nil || len(text) == 0 || string(text) == "Local" {
		return fmt.Errorf("%q is not a time zone like Asia/Seoul", text)
	}
	z.Location = location
	return nil
}

// zoneFlags say which days statistics count.
type zoneFlags struct {
	StatsTimezone timeZone `env:"STUDYCALL_STATS_TIMEZONE" default:"Asia/Seoul" placeholder:"ZONE" help:"Time zone of the days that statistics count (${default}). The tables of another are rebuilt at the next start."`
}
