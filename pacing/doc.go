// Package pacing has the two ways in which the service limits its work: the delay after a batch, and a rate.
//
// A Pacer delays a batch of work in proportion to the size of the batch before it. Single items are not delayed; under
// load, items accumulate and share one transaction, one system call or one query. A Rate bounds what one client may send.
// The package imports no package of this repository.
//
// docs/adr/0008-batching-under-load.md has the decision and the figures of each user.
package pacing
