// Package membership stores and looks up who belongs to a study, and decides what members may do.
//
// Access decides, over a Directory of users and members. Tables is the Directory in our own tables, WebApp the one in the web app's
// tables. Open chooses one, and Cached caches either. The package does not check tokens (package auth does) and never appends to the
// log. Members and users belong to the web app: the package writes only to our own tables, and only an Import or, if there is no
// study yet, the example.
package membership
