package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// errNoAccount refuses a user without an account.
const errNoAccount auth.ConnectionError = "User not found"

// identify returns the user who opens a connection, if the user's account is active. The error is an auth.ConnectionError, or
// that of a failed lookup.
func (s *Server) identify(ctx context.Context, r *http.Request, claimed auth.Claims) (membership.User, error) {
	userID, err := auth.AuthenticateConnection(s.Authenticator, s.Origins, r, claimed)
	if err != nil {
		return membership.User{}, err
	}
	user, err := s.Access.Account(ctx, userID)
	switch {
	case errors.Is(err, domain.ErrUserNotFound):
		return membership.User{}, errNoAccount
	case err != nil:
		return membership.User{}, fmt.Errorf("look up the account: %w", err)
	case !user.Active():
		return membership.User{}, auth.ConnectionError("User status is " + user.Status)
	}
	return user, nil
}

// checkTimeout bounds one of the checks that Run repeats.
const checkTimeout = 10 * time.Second

// every calls check at each RecheckInterval until ctx ends. Members and leases are in different databases, as a rule, and so have
// loops of their own: while the database of the leases hangs, a removed member is still taken out.
func (s *Server) every(ctx context.Context, check func(context.Context) error) {
	ticker := time.NewTicker(s.RecheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, checkTimeout)
		if err := check(bounded); err != nil && ctx.Err() == nil {
			s.Log.LogAttrs(ctx, slog.LevelDebug, "a check of the connected users failed", slog.Any("error", err))
		}
		cancel()
	}
}

// recheckUsers takes out the users who are no longer members of their study, and closes the sockets of accounts that are no longer
// active. It queries each once, whatever the number of rooms and sockets. While the database of members is unavailable, all stay.
func (s *Server) recheckUsers(ctx context.Context) error {
	return errors.Join(s.recheckMembers(ctx), s.recheckAccounts(ctx))
}

func (s *Server) recheckMembers(ctx context.Context) error {
	removals := map[membership.Key][]func(){} // what takes the user out
	for _, r := range s.rooms.list() {
		for _, m := range r.list() {
			key := membership.Key{StudyID: r.studyID, UserID: m.client.user.ID}
			removals[key] = append(removals[key], func() {
				s.refuse(m.client, domain.ErrNotStudyMember, nil)
				s.remove(m.client, r, s.Now())
			})
		}
	}
	for _, studyID := range s.lobbies.ids() {
		for _, c := range s.lobbies.clients(studyID) {
			key := membership.Key{StudyID: studyID, UserID: c.user.ID}
			removals[key] = append(removals[key], func() { s.lobbies.leave(c, studyID, s.Now()) })
		}
	}
	if len(removals) == 0 {
		return nil
	}
	active, err := s.Recheck.ActiveMembers(ctx, slices.Collect(maps.Keys(removals)))
	if err != nil {
		return err
	}
	for key, remove := range removals {
		if isActive, known := active[key]; known && !isActive {
			for _, do := range remove {
				do()
			}
		}
	}
	return nil
}

func (s *Server) recheckAccounts(ctx context.Context) error {
	clients := s.clients.list()
	users := make(map[string]bool, len(clients))
	for _, c := range clients {
		users[c.user.ID] = true
	}
	if len(users) == 0 {
		return nil
	}
	active, err := s.Recheck.ActiveAccounts(ctx, slices.Collect(maps.Keys(users)))
	if err != nil {
		return err
	}
	for _, c := range clients {
		if !active[c.user.ID] {
			for _, r := range c.rooms.list() {
				s.remove(c, r, s.Now())
			}
			s.hangUp(c, closecode.Removed)
		}
	}
	return nil
}
