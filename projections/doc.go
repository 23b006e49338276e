// Package projections is the read side: one file per read model, with its fold of the log and its queries side by side,
// and the runner that keeps them up to date.
//
// A projection folds events into its tables in the transaction that moves its checkpoint, so its tables hold every event
// up to the checkpoint exactly once. It sees events in order of position. One server at a time does a slice of the log;
// any server does the next. A fold touches the database only, and knows no clock and no randomness, so that a replay
// gives the same tables.
//
// The package may know domain, the event store and its own tables; and in SQL, where they have to be of one snapshot or one
// transaction with its tables, the checkpoints, which it makes, moves and removes together with them, and of the log where
// it ends and where a stream does. It reads events through the event store alone.
package projections
