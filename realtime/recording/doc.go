// Package recording is a write-behind queue: its callers answer at once and write to the database later. It knows no room and no
// command. It imports only pacing, of ours.
//
// The records of one participant are written one at a time, in the order in which they were added. The records of different
// participants are written concurrently, by one goroutine for each participant with records. A record is retried while its error
// is retryable, as it is while the database is unavailable; a required record is retried until it is written or its error is
// final. The queue is bounded, except for required records, of which the caller adds a bounded number.
package recording
