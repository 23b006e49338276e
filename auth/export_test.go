package auth

// Token returns the user whom a token names that came in no cookie.
func (n *NextAuth) Token(token string) (string, error) { return n.user(presented{token, ""}) }
