package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/rawjson"
)

const (
	// joinTimeout bounds a join. A join needs the database, and a client waits for it.
	joinTimeout = 5 * time.Second
	// roomLimit is how many rooms one socket may be in. The web app uses one.
	roomLimit = 8
	// personLimit is how many sockets of one user may be in a room: more than a user has tabs, together with the broken connections
	// of a bad network that are not noticed yet. A toggle is published for each of them.
	personLimit = 20
)

// joinRoom brings a client into a room, and its user into the study's call. A client that is in the room already only gets the
// room's state again, unless its user has left over REST.
func (s *Server) joinRoom(ctx context.Context, c *client, data json.RawMessage, ack answer) error {
	studyID, roomID, err := parseJoin(data)
	if err != nil {
		return err
	}
	lease := presence.Lease{StudyID: studyID, UserID: c.user.ID, SocketID: c.id}
	if r := c.room(roomID); r != nil && s.keepsLease(ctx, c, r, lease) && r.sendState(c) {
		acknowledge(c, ack, nil)
		return nil
	}
	if len(c.rooms.list()) >= roomLimit {
		return api.Invalid("roomId", fmt.Sprintf("must be one of at most %d rooms at a time", roomLimit))
	}
	if s.draining.Load() {
		return &domain.Error{Code: domain.ServiceUnavailable}
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	// The participant's earlier records decide what is joined, so the join waits for them. While it runs, the participant is busy,
	// so that reconcileLeases does not take the lease for one without a socket.
	err = s.queue.Do(ctx, owner(lease), func(ctx context.Context) error { return s.join(ctx, c, lease, roomID) })
	if err != nil {
		return err
	}
	acknowledge(c, ack, nil)
	return nil
}

// parseJoin parses the study and its room.
func parseJoin(data json.RawMessage) (studyID, roomID string, err error) {
	in := parse(data, "studyId", "roomId")
	studyID = in.study()
	roomID, err = rawjson.String(in.raw("roomId"))
	if err != nil || roomID != domain.RoomID(studyID) {
		in.refuse("roomId", "must be the study's room, study-{studyId}-main")
	}
	return studyID, roomID, in.err
}

// join joins the call and then enters the room.
func (s *Server) join(ctx context.Context, c *client, lease presence.Lease, roomID string) error {
	if s.rooms.sockets(roomID, c.user.ID) >= personLimit {
		return &domain.Error{Code: domain.RateLimited}
	}
	joined, err := s.Presence.Join(ctx, presence.Join{
		Lease: lease, At: s.Now(),
		Cleanup: func(do func(context.Context) error) { s.record(lease, "clean up after a failed join", do, nil) },
	})
	if err != nil {
		return err
	}
	peers, err := s.Presence.RemotePeers(ctx, []string{lease.StudyID})
	s.warnMissing(err, "other servers' peers")
	s.rooms.enter(roomID, lease.StudyID, entry{
		client: c, sessionID: joined.Session.ID, participant: joined.Participant,
		remote: s.remotePeers(ctx, joined.Session, peers),
	})
	return nil
}

// keepsLease reports whether a member's lease exists, after the participant's earlier records are written. If its user has left
// over REST and reconcileLeases has not noticed yet, keepsLease takes the client out of the room. While the database is
// unavailable, the lease counts as existing.
func (s *Server) keepsLease(ctx context.Context, c *client, r *room, lease presence.Lease) bool {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	exists := true
	err := s.queue.Do(ctx, owner(lease), func(ctx context.Context) (err error) {
		exists, err = s.Presence.HasLease(ctx, lease)
		return err
	})
	s.warnMissing(err, "the state of a lease")
	if err == nil && !exists {
		s.takeOutNotified(c, r, s.Now())
	}
	return err != nil || exists
}

// warnMissing logs the error of a lookup whose result is optional.
func (s *Server) warnMissing(err error, what string) {
	if err != nil {
		s.Log.Warn("lookup failed; continuing without "+what, "error", err)
	}
}
