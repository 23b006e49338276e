// Package membership knows who belongs to a study, what they may do there, and what users are called.
//
// Everything that decides who may is here, in Access, over a Directory: the place where users and members are kept.
// Tables is the one of our own tables. The package reads and never judges tokens (package auth does), never appends to
// the log, and writes only where nothing is yet, for trying out: members and users are the web app's.
package membership
