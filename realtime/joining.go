package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/realtime/presence"
	"github.com/studycall/studycall/realtime/rawjson"
)

const (
	// joinTimeout is how long a join may take. It needs the database, and a client waits for it.
	joinTimeout = 5 * time.Second
	// joinAttempts is how often a join starts over because the session ended in between.
	joinAttempts = 5
	// roomLimit is how many rooms one socket may be in. The web app uses one.
	roomLimit = 8
)

// joinRoom brings a client into a room, and its user into the study's session, which is started if none is open. Joining
// a room that the client is in only answers with its state.
func (s *Server) joinRoom(c *client, data json.RawMessage, ack answer) error {
	studyID, roomID, err := parseJoin(data)
	if err != nil {
		return err
	}
	if r := c.room(roomID); r != nil && r.joinedAgain(c) {
		acknowledge(c, ack, nil)
		return nil
	}
	if len(c.in()) >= roomLimit {
		return invalid("roomId", fmt.Sprintf("must be one of at most %d rooms at a time", roomLimit))
	}
	if s.draining.Load() {
		return &domain.Error{Code: domain.ServiceUnavailable}
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	var joined commands.Joined
	// In its turn: what the participant did before, as far as it waits for the database, decides what is joined.
	err = s.recorder.try(ctx, participant{studyID, c.user.ID}, func(ctx context.Context) (err error) {
		joined, err = s.joinSession(ctx, c, studyID)
		return err
	})
	if err != nil {
		return err
	}
	elsewhere := s.peersElsewhere(ctx, studyID, joined.Session)
	s.rooms.enter(c, roomID, studyID, func(r *room) {
		m := &member{client: c, sessionID: joined.Session.ID, joinedAt: joined.Participant.JoinedAt, since: time.Now()}
		r.entered(m, joined.Participant)
		r.setAway(elsewhere)
		r.tellState(c)
	})
	acknowledge(c, ack, nil)
	return nil
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
		return "", "", invalid("roomId", "must be the study's room, study-{studyId}-main")
	}
	return studyID, roomID, nil
}

func parseStudyID(value json.RawMessage) (string, error) {
	studyID, err := rawjson.String(value)
	if err != nil || !membership.PossibleID(studyID) {
		return "", invalid("studyId", "must be a string of 1 to 200 bytes without control characters")
	}
	return studyID, nil
}

// joinSession writes the lease and joins, and leaves nothing behind when that is refused. When it is not known whether it
// succeeded, the lease counts as lost: a client that tries again in time goes on where it was.
func (s *Server) joinSession(ctx context.Context, c *client, studyID string) (commands.Joined, error) {
	at, lease := s.Now(), presence.Lease{StudyID: studyID, UserID: c.user.ID, SocketID: c.id}
	for attempt := 1; ; attempt++ {
		started, err := s.Commands.StartSession(ctx, commands.StartSession{StudyID: studyID, UserID: c.user.ID, At: at})
		if err != nil {
			return commands.Joined{}, err
		}
		if err := s.Presence.Join(ctx, lease, started.SessionID, at); err != nil {
			s.lose(lease, s.Now())
			return commands.Joined{}, err
		}
		joined, err := s.Commands.JoinSession(ctx, commands.JoinSession{
			StudyID: studyID, SessionID: started.SessionID, UserID: c.user.ID, At: at,
		})
		switch {
		case err == nil:
			return joined, nil
		case errors.Is(err, domain.ErrSessionEnded) && attempt < joinAttempts:
			continue // the last one has left in between
		case errors.As(err, new(*domain.Error)):
			s.forget(lease)
		default:
			s.lose(lease, s.Now())
		}
		return commands.Joined{}, err
	}
}

// forget takes back a lease by which nobody joined, after what is recorded now.
func (s *Server) forget(l presence.Lease) {
	s.recorder.mustAdd(participant{l.StudyID, l.UserID}, record{
		do:   func(ctx context.Context) error { return s.Presence.Forget(ctx, l) },
		done: func(err error) { s.recorded("take back a lease", l, err) },
	})
}

// peersElsewhere are the peers on other servers, in the state that the record has them in. Without them a call goes on.
func (s *Server) peersElsewhere(ctx context.Context, studyID string, session domain.Session) []peerShape {
	leases, err := s.Presence.Elsewhere(ctx, []string{studyID})
	if err != nil || len(leases) == 0 {
		s.missed(err, "other servers' peers")
		return nil
	}
	ids := make([]string, len(leases))
	for i, l := range leases {
		ids[i] = l.UserID
	}
	users, err := s.Users.Users(ctx, ids)
	s.missed(err, "the names of other servers' peers")
	shapes := make([]peerShape, 0, len(leases))
	for _, l := range leases {
		p := session.Participant(l.UserID)
		if !p.InCall() {
			continue // about to join, or to be found gone
		}
		shapes = append(shapes, peerShape{
			SocketID: l.SocketID, UserID: l.UserID, User: shapeOf(l.UserID, users[l.UserID]),
			IsMuted: p.Muted.Running(), IsVideoOff: p.CameraOff.Running(), IsSharingScreen: p.Sharing.Running(),
			JoinedAt: instant(p.JoinedAt),
		})
	}
	return shapes
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

// setAway notes the sockets of other servers. The caller holds the lock.
func (r *room) setAway(elsewhere []peerShape) {
	r.away = make(map[string]peerShape, len(elsewhere))
	for _, p := range elsewhere {
		r.away[p.SocketID] = p
	}
}

// tellState tells a client who is in the room. The caller holds the lock.
func (r *room) tellState(c *client) {
	peers := r.peers(c.id)
	for _, id := range slices.Sorted(maps.Keys(r.away)) {
		peers = append(peers, r.away[id])
	}
	r.outbox = append(r.outbox, delivery{message: newMessage(eventRoomState, roomState{peers}), to: []*client{c}})
}
