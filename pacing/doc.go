// Package pacing delays a batch of work in proportion to the size of the batch before it. Single items are not delayed; under
// load, items gather and share one transaction, one system call or one query. It imports nothing of ours.
//
// docs/adr/0008-a-crowd-gathers.md has the decision and the figures of each user.
package pacing
