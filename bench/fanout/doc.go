// Package fanout measures what it costs a server to pass on what the people in calls send each other, beside a bare
// gorilla/websocket server that only copies frames. Both are processes of their own, so that their CPU time and memory are
// theirs alone, and are loaded in turn, in one run, by the same clients.
//
// # The load
//
// A room's clients take turns together: every one of them sends a burst, of one message or some, then all wait for what is
// due to them, and then the next turn begins. So no queue ever holds more than a turn, rooms do not wait for one another, and
// a turn is a room at its busiest: all speak at once. No member sends more than maxRate messages a second, which is below what
// one socket may send. Every delivery is compared byte for byte with what is due next from its sender, and messages are
// numbered or alternate: what is lost, doubled or out of order fails the run.
//
// It speaks to the servers over sockets alone, and knows nothing of the program but what clients are told.
package fanout
