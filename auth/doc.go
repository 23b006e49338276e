// Package auth finds out which user sent a request or opens a connection, from the proof that the caller presents.
//
// It judges proofs and nothing else. Package membership knows whether the user has an account and may do something. The package
// imports no package of this repository and looks nothing up.
package auth
