package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/rawjson"
)

const (
	// joinTimeout is how long a join may take. It needs the database, and a client waits for it.
	joinTimeout = 5 * time.Second
	// roomLimit is how many rooms one socket may be in. The web app uses one.
	roomLimit = 8
	// personLimit is how many sockets of one user may be in a room: more than the tabs that anybody has open, with the broken
	// connections of a bad network that have not been noticed yet. What one of them toggles is told of each.
	personLimit = 20
)

// joinRoom brings a client into a room, and its user into the study's session, which is started if none is open. Joining
// a room that the client is in only answers with its state, unless its user has left by other means.
func (s *Server) joinRoom(c *client, data json.RawMessage, ack answer) error {
	studyID, roomID, err := parseJoin(data)
	if err != nil {
		return err
	}
	if r := c.room(roomID); r != nil && s.isStillIn(c, r) && r.joinedAgain(c) {
		acknowledge(c, ack, nil)
		return nil
	}
	if len(c.in()) >= roomLimit {
		return api.Invalid("roomId", fmt.Sprintf("must be one of at most %d rooms at a time", roomLimit))
	}
	if s.draining.Load() {
		return &domain.Error{Code: domain.ServiceUnavailable}
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	// In its turn: what the participant did before, as far as it waits for the database, decides what is joined. Until the client
	// is in the room, the turn is its, so that nobody takes the lease for a stray one.
	err = s.recorder.try(ctx, participant{studyID, c.user.ID}, func(ctx context.Context) error {
		if s.rooms.sockets(roomID, c.user.ID) >= personLimit {
			return &domain.Error{Code: domain.RateLimited}
		}
		joined, err := s.joinSession(ctx, c, studyID)
		if err != nil {
			return err
		}
		peers, err := s.Presence.RemotePeers(ctx, []string{studyID})
		s.missed(err, "other servers' peers")
		elsewhere := s.awayPeers(ctx, joined.Session, peers)
		s.rooms.enter(c, roomID, studyID, func(r *room) {
			m := &member{client: c, sessionID: joined.Session.ID, joinedAt: joined.Participant.JoinedAt, since: time.Now()}
			r.entered(m, joined.Participant)
			r.setAway(elsewhere)
			r.tellState(c)
			r.tellOwn(m)
		})
		return nil
	})
	if err != nil {
		return err
	}
	acknowledge(c, ack, nil)
	return nil
}

// isStillIn reports whether a member's lease is there, after what waits to be recorded of its user. One who has left over REST,
// and asks before that was noticed here, is put out as if it had been. While it cannot be known, it is there.
func (s *Server) isStillIn(c *client, r *room) bool {
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	lease, held := leaseOf(c, r.studyID), true
	err := s.recorder.try(ctx, participant{lease.StudyID, lease.UserID}, func(ctx context.Context) (err error) {
		held, err = s.Presence.HasLease(ctx, lease)
		return err
	})
	s.missed(err, "a look at a lease")
	if err == nil && !held {
		s.putOut(c, r, s.Now())
	}
	return err != nil || held
}

// parseJoin wants the study and its room.
func parseJoin(data json.RawMessage) (studyID, roomID string, err error) {
	values, err := fields(data, "studyId", "roomId")
	if err != nil {
		return "", "", err
	}
	if studyID, err = parseStudyID(values[0]); err != nil {
		return "", "", err
	}
	roomID, err = rawjson.String(values[1])
	if err != nil || roomID != domain.RoomID(studyID) {
		return "", "", api.Invalid("roomId", "must be the study's room, study-{studyId}-main")
	}
	return studyID, roomID, nil
}

func parseStudyID(value json.RawMessage) (string, error) {
	studyID, err := rawjson.String(value)
	if err != nil || !membership.PossibleID(studyID) {
		return "", api.Invalid("studyId", "must be a string of 1 to 200 bytes without control characters")
	}
	return studyID, nil
}

// joinSession brings the client's user into the study's call.
func (s *Server) joinSession(ctx context.Context, c *client, studyID string) (commands.Joined, error) {
	lease := leaseOf(c, studyID)
	return s.Presence.Join(ctx, presence.Join{
		StudyID: studyID, UserID: c.user.ID, SocketID: c.id, At: s.Now(),
		Cleanup: func(do func(context.Context) error) {
			s.recorder.mustAdd(participant{studyID, c.user.ID}, record{
				do: do, done: func(err error) { s.recorded("clean up after a join", lease, err) },
			})
		},
	})
}

// missed logs what could not be looked up and is done without.
func (s *Server) missed(err error, what string) {
	if err != nil {
		s.Log.Warn("went on without "+what, "error", err)
	}
}

// joinedAgain tells a member who is in the room; false for a client that is no longer in it.
func (r *room) joinedAgain(c *client) bool {
	r.mu.Lock()
	_, in := r.members[c.id]
	if in {
		r.tellState(c)
	}
	r.mu.Unlock()
	r.flush()
	return in
}
