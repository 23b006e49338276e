package main

import (
	"fmt"
	"time"
	_ "time/tzdata" // for machines without time zone data
)

// timeZone is a flag with the name of a time zone.
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

// zoneFlags set the time zone of statistics.
type zoneFlags struct {
	StatsTimezone timeZone `env:"STUDYCALL_STATS_TIMEZONE" default:"Asia/Seoul" placeholder:"ZONE" help:"Time zone of the days in statistics (${default}). After a change, the next start rebuilds the tables."`
}
