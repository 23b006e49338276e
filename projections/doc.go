// Package projections is the read side: the projections, the runner that keeps their tables up to date, and the rebuild. Each
// read model is one file, with its tables, its fold of the log and its queries.
//
// A projection folds events into its tables in the transaction that moves its checkpoint, so its tables hold every event up
// to the checkpoint exactly once. Events arrive in order of position. One server at a time folds a slice of the log; any
// server folds the next one. A fold accesses nothing but the database, and uses neither a clock nor random numbers, so a
// replay creates the same tables.
//
// The package imports domain and the event store, and accesses its own tables. It reads events through the event store only.
// Its SQL also uses the checkpoints, which it creates, moves and deletes together with its tables, the end of the log, and the
// latest position of a stream, because these must be of the same snapshot or transaction as its tables.
package projections
