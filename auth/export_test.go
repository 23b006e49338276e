package auth

// Token shows the tests whom a token names that came in no cookie.
func (n *NextAuth) Token(token string) (string, error) { return n.user(token, "") }
