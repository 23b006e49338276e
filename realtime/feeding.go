package realtime

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// feedStudy is the study whose feed of events a request's path names, decoded: /api/my-studies/{studyId}/video-call/events.
func feedStudy(r *http.Request) (studyID string, is bool) {
	rest, is := strings.CutPrefix(r.URL.EscapedPath(), "/api/my-studies/")
	if !is {
		return "", false
	}
	escaped, is := strings.CutSuffix(rest, "/video-call/events")
	if !is || escaped == "" || strings.Contains(escaped, "/") {
		return "", false
	}
	studyID, err := url.PathUnescape(escaped)
	return studyID, err == nil
}

// serveFeed upgrades a request to a feed of the study's events, for an active member.
func (s *Server) serveFeed(w http.ResponseWriter, r *http.Request, studyID string) {
	subscription, err := s.subscription(r, studyID)
	if err == nil {
		if err = s.feeds.Serve(w, r, subscription); !errors.Is(err, feed.ErrNotFollowing) {
			if err != nil {
				s.Log.Debug("no feed", "error", err)
			}
			return
		}
		err = &domain.Error{Code: domain.ServiceUnavailable}
	}
	s.answer(w, r, err)
}

// subscription is what a request subscribes to, if its caller may and it asks well.
func (s *Server) subscription(r *http.Request, studyID string) (feed.Subscription, error) {
	none := feed.Subscription{}
	if err := s.admit(r); err != nil {
		return none, err
	}
	if r.Method != http.MethodGet {
		return none, &domain.Error{Code: domain.MethodNotAllowed}
	}
	user, err := s.identify(r.Context(), r, queryClaims(r))
	if err != nil {
		return none, err
	}
	if !membership.PossibleID(studyID) {
		return none, domain.ErrNotStudyMember
	}
	if err := s.Access.ActiveMember(r.Context(), studyID, user.ID); err != nil {
		return none, err
	}
	if !websocket.IsUpgrade(r) {
		return none, api.Invalid("Upgrade", "must be websocket: the feed of events is one")
	}
	after, err := s.after(r)
	return feed.Subscription{StudyID: studyID, UserID: user.ID, After: after}, err
}

// after is the position after which the feed begins: the end of the log, unless the query names one.
func (s *Server) after(r *http.Request) (int64, error) {
	head, err := s.feeds.Head(r.Context())
	if err != nil || !r.URL.Query().Has("after") {
		return head, err
	}
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil || after < 0 {
		return 0, api.Invalid("after", "must be a position: 0, or that of an event")
	}
	if after > head {
		// Of another log, or of this one before it was restored: to wait for that position would be to leave out events.
		return 0, api.Invalid("after", "is beyond the end of the log, "+strconv.FormatInt(head, 10))
	}
	return after, nil
}
