// Package fanout measures the CPU time and memory that a server needs to relay the messages of people in calls, beside a bare
// gorilla/websocket server that only copies frames. Both servers are processes of their own. The same clients load them in turn, in
// one run.
//
// # The load
//
// The clients of a room work in turns: all of them send a burst of messages, then all wait for their deliveries, then the next turn
// begins. So no queue holds more than one turn, rooms do not wait for each other, and in a turn a room is at its busiest. No
// client sends more than maxRate messages a second, which is below the program's limit for a socket. Every delivery is compared byte
// by byte with the next one expected from its sender. Messages are numbered or alternate, so a lost, duplicate or reordered message
// fails the run.
//
// The package speaks to the servers over sockets only. It knows nothing of the program but what clients see.
package fanout
