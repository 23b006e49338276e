package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/studycall/studycall/bench/fanout"
)

// print writes the results as tables.
func (c *benchFanoutCommand) print(out io.Writer, results []fanout.Result) error {
	for _, r := range results {
		_, _ = fmt.Fprintf(out, "%d rooms of %d, %d rounds of %v for each server; medians\n",
			r.Shape.Rooms, r.Shape.Peers, c.Rounds, c.Each)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		_, _ = fmt.Fprintln(table, "load\tburst\tbare, deliveries/CPU-s\tstudycall\tratio\tbar\t")
		deliveries := int64(0)
		for _, l := range r.Loads {
			_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.2f\t%v\t\n", l.Title, l.Burst, l.Bare, l.Program, l.Ratio, l.Bar)
			deliveries += l.Deliveries
		}
		if err := table.Flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%d deliveries, all checked: none was lost, duplicate or out of order.\n", deliveries)
		for _, burst := range fanout.Bursts() {
			recording := r.Load("toggles", burst).PerMessage() - r.Load("speaking", burst).PerMessage()
			_, _ = fmt.Fprintf(out, "In bursts of %d, recording a toggle takes %v of the server's CPU time.\n",
				burst, recording.Round(100*time.Nanosecond))
		}
		_, err := fmt.Fprintf(out, "Memory per idle connection: bare server %.1f KB; studycall %.1f KB more (bar: 25), and in a call %.1f KB more.\n\n",
			kilobytes(r.Memory.Bare), kilobytes(r.Memory.Connected-r.Memory.Bare), kilobytes(r.Memory.InRoom-r.Memory.Bare))
		if err != nil {
			return err
		}
	}
	return nil
}

func kilobytes(bytes int64) float64 { return float64(bytes) / 1024 }
