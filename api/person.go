package api

import "github.com/studycall/studycall/membership"

// Person is a user as REST shows users. The name of a deleted user is null.
type Person struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Avatar *string `json:"avatar"`
}

// PersonWithEmail is a user as the sockets show users to each other.
type PersonWithEmail struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Email  *string `json:"email"`
	Avatar *string `json:"avatar"`
}

// NewPersonWithEmail shapes the user with the id. The zero User is a deleted user.
func NewPersonWithEmail(id string, user membership.User) PersonWithEmail {
	return PersonWithEmail{ID: id, Name: nullable(user.Name), Email: nullable(user.Email), Avatar: user.Avatar}
}

// People are the users that an answer names, by id. Deleted users are missing.
type People map[string]membership.User

// Person shapes the user with the id.
func (p People) Person(id string) Person {
	return Person{ID: id, Name: nullable(p[id].Name), Avatar: p[id].Avatar}
}

// nullable returns nil for the empty string.
func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
