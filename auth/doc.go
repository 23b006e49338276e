// Package auth gets from what a request or a handshake shows to a user id: whom the caller proves to be.
//
// It judges proofs and nothing else: whether the user has an account, or may do anything, is package membership's to
// say. It imports nothing of ours and looks nothing up.
package auth

import "errors"

// ErrUnauthenticated says that the caller shows no proof of who they are, or one that does not hold.
var ErrUnauthenticated = errors.New("the caller is not authenticated")
