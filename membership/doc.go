// Package membership knows who belongs to a study, what they may do there, and what users are called.
//
// Everything that decides who may is here, in Access, over a Directory: the place where users and members are kept. Tables
// is the one of our own tables, WebApp that of the web app's; Open chooses, and Cached stands before either. The package
// reads and never judges tokens (package auth does), and never appends to the log. Members and users are the web app's: it
// writes to our own tables alone, and only what it is told to (Import) or where nothing is yet, for trying out.
package membership
