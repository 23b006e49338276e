package httpapi

import (
	"context"
	"fmt"

	"github.com/studycall/studycall/api"
)

// lookUp reads the current names and avatars of the users.
func (s *Server) lookUp(ctx context.Context, ids []string) (api.People, error) {
	users, err := s.Users.Users(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look up the people in the answer: %w", err)
	}
	return users, nil
}
