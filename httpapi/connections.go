package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// socketIO answers a request of Engine.IO.
func (s *Server) socketIO(c echo.Context) error {
	s.Sockets.ServeSocketIO(c.Response().Writer, c.Request())
	return nil
}

// plainSocket upgrades a request to a plain WebSocket.
func (s *Server) plainSocket(c echo.Context) error {
	return s.Sockets.ServePlain(c.Response().Writer, c.Request())
}

// events upgrades a request of an active member to a feed of the study's events.
func (s *Server) events(c echo.Context) error {
	r := c.Request()
	userID, err := auth.AuthenticateConnection(s.Authenticator, s.Security.Origins, r, auth.QueryClaims(r))
	if err != nil {
		return err
	}
	caller, err := s.account(r.Context(), userID)
	if err != nil {
		return err
	}
	studyID := pathID(c, "studyId")
	if err := s.Access.ActiveMember(r.Context(), studyID, caller.ID); err != nil {
		return err
	}
	if !websocket.IsUpgrade(r) {
		return api.Invalid("Upgrade", "must be websocket: the feed of events is a WebSocket")
	}
	after, err := s.after(r)
	if err != nil {
		return err
	}
	return s.Feeds.Serve(c.Response().Writer, r, feed.Subscription{StudyID: studyID, UserID: caller.ID, After: after})
}

// after is the position after which a feed begins: that of the query, or else the end of the log.
func (s *Server) after(r *http.Request) (int64, error) {
	head, err := s.Feeds.Head(r.Context())
	if err != nil || !r.URL.Query().Has("after") {
		return head, err
	}
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil || after < 0 {
		return 0, api.Invalid("after", "must be a position: 0, or that of an event")
	}
	if after > head {
		// The position is of another log, or of this log before a restore. A feed from there would leave out events.
		return 0, api.Invalid("after", "is beyond the end of the log, "+strconv.FormatInt(head, 10))
	}
	return after, nil
}

// RecheckFeeds closes the feeds of users who are no longer active members, once every RecheckInterval, until ctx ends. While
// the membership database is unavailable, feeds stay open.
func (s *Server) RecheckFeeds(ctx context.Context) {
	ticker := time.NewTicker(s.RecheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		if err := s.recheckFeeds(bounded); err != nil && ctx.Err() == nil {
			s.Log.LogAttrs(ctx, slog.LevelDebug, "the subscribers of feeds could not be rechecked", slog.Any("error", err))
		}
		cancel()
	}
}

// recheckFeeds makes one check. Each user is queried once, whatever the number of the user's feeds.
func (s *Server) recheckFeeds(ctx context.Context) error {
	subscribers := s.Feeds.Subscribers()
	if len(subscribers) == 0 {
		return nil
	}
	keys, users := map[membership.Key]bool{}, map[string]bool{}
	for _, subscriber := range subscribers {
		keys[membership.Key{StudyID: subscriber.StudyID, UserID: subscriber.UserID}] = true
		users[subscriber.UserID] = true
	}
	members, membersErr := s.Recheck.ActiveMembers(ctx, slices.Collect(maps.Keys(keys)))
	accounts, accountsErr := s.Recheck.ActiveAccounts(ctx, slices.Collect(maps.Keys(users)))
	for _, subscriber := range subscribers {
		member, known := members[membership.Key{StudyID: subscriber.StudyID, UserID: subscriber.UserID}]
		if known && !member || accountsErr == nil && !accounts[subscriber.UserID] {
			subscriber.Revoke()
		}
	}
	return errors.Join(membersErr, accountsErr)
}
