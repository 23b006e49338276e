// Package api holds the JSON shapes that clients see: times, people, sessions, participants, errors and events. REST, the
// sockets, the event feed and the command line use the same shapes. A shape that only one route answers with stays with its
// route in httpapi. The package decides nothing and does no I/O.
package api
