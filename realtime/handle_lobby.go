package realtime

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/studycall/studycall/api"
)

// lobbyLimit is how many lobbies one socket may be in.
const lobbyLimit = 64

// joinLobby subscribes a client to a study's presence, and to the starts and ends of its calls.
func (s *Server) joinLobby(ctx context.Context, c *client, data json.RawMessage, ack answer) error {
	values, err := fields(data, "studyId")
	if err != nil {
		return err
	}
	studyID, err := parseStudyID(values[0])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := s.Access.ActiveMember(ctx, studyID, c.user.ID); err != nil {
		return err
	}
	if len(c.lobbies.list()) >= lobbyLimit {
		return api.Invalid("studyId", fmt.Sprintf("must be one of at most %d studies", lobbyLimit))
	}
	s.lobbies.join(c, studyID, s.Now())
	acknowledge(c, ack, nil)
	return nil
}
