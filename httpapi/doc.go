// Package httpapi is the REST edge: routes, the shapes of requests and answers, and the one place where errors become
// statuses (errors.go). The contract's section 2 is what it must hold to, to the letter.
//
// A handler reads the request, asks commands or projections, and shapes the answer; it decides nothing about calls and
// has no SQL. What it needs of other packages it declares itself, in server.go. Every request passes handling.go, where
// panics are caught, failures are answered and logged once, and time is bounded. Before that it passes edge.go, which
// stands in front of the sockets, too, and knows nothing of either.
//
// Checks come in this order: who is calling (401), may they (403), is the request well formed (400), and only then what
// it asks for; so a stranger learns nothing but that. Leaving needs no membership, so it has no second step.
package httpapi
