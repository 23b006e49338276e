// Package httpapi is the HTTP edge of the service: the one route table (routes.go), the shapes of requests and answers, and the
// one place where errors become statuses (errors.go), also for the handshakes of sockets and feeds.
//
// A handler reads the request, calls a command, a query or a service, and shapes the answer. It decides nothing about calls and
// has no SQL. server.go declares what handlers need of other packages. Every request passes handling.go, which sets the
// headers of the answer, enforces limits, bounds time, catches panics, and answers and logs a failure once.
//
// Checks come in this order: who is calling (401), may they (403), is the request well formed (400), does the object exist
// (404). So a stranger learns nothing beyond the first two. Leaving needs no membership and has no second check.
package httpapi
