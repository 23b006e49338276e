package domain

// Code identifies an error to clients. Codes are part of the API and never change.
type Code string

// All codes.
const (
	AuthRequired        Code = "AUTH_REQUIRED"
	PermissionDenied    Code = "PERMISSION_DENIED"
	NotStudyMember      Code = "NOT_STUDY_MEMBER"
	SessionNotFound     Code = "SESSION_NOT_FOUND"
	SessionIsOver       Code = "SESSION_ENDED"
	ParticipantNotFound Code = "PARTICIPANT_NOT_FOUND"
	UserNotFound        Code = "USER_NOT_FOUND"
	InvalidRequest      Code = "INVALID_REQUEST"
	RoomFull            Code = "ROOM_FULL"
	ScreenShareTaken    Code = "SCREEN_SHARE_TAKEN"
	PeerUnreachable     Code = "PEER_UNREACHABLE"
	RouteNotFound       Code = "ROUTE_NOT_FOUND"
	MethodNotAllowed    Code = "METHOD_NOT_ALLOWED"
	PayloadTooLarge     Code = "PAYLOAD_TOO_LARGE"
	RateLimited         Code = "RATE_LIMITED"
	ServerError         Code = "SERVER_ERROR"
	ServiceUnavailable  Code = "SERVICE_UNAVAILABLE"
)

// Language is one of the two languages of error messages.
type Language int

// The languages; Korean is the default.
const (
	Korean Language = iota
	English
)

// Message returns the code's text for people. An unknown language gets Korean, an unknown code the text of ServerError.
func (c Code) Message(l Language) string {
	texts, known := messages[c]
	if !known {
		texts = messages[ServerError]
	}
	if l == English {
		return texts[English]
	}
	return texts[Korean]
}

// messages has the texts of each code, by language.
var messages = map[Code][2]string{
	AuthRequired:        {"인증이 필요합니다.", "Authentication is required."},
	PermissionDenied:    {"접근 권한이 없습니다.", "You do not have permission to do this."},
	NotStudyMember:      {"스터디 멤버가 아닙니다.", "You are not a member of this study."},
	SessionNotFound:     {"세션을 찾을 수 없습니다.", "The session was not found."},
	SessionIsOver:       {"이미 종료된 세션입니다.", "The session has already ended."},
	ParticipantNotFound: {"참여 기록을 찾을 수 없습니다.", "No record of participation was found."},
	UserNotFound:        {"사용자를 찾을 수 없습니다.", "The user was not found."},
	InvalidRequest:      {"잘못된 요청입니다.", "The request is not valid."},
	RoomFull:            {"정원이 찼습니다.", "The call is full."},
	ScreenShareTaken:    {"다른 참여자가 이미 화면을 공유하고 있습니다.", "Another participant is already sharing the screen."},
	PeerUnreachable:     {"상대방에게 연결할 수 없습니다.", "The other participant cannot be reached."},
	RouteNotFound:       {"요청한 경로를 찾을 수 없습니다.", "There is no such route."},
	MethodNotAllowed:    {"허용되지 않은 메서드입니다.", "The method is not allowed here."},
	PayloadTooLarge:     {"요청 본문이 너무 큽니다.", "The request body is too large."},
	RateLimited:         {"요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.", "Too many requests. Please try again in a moment."},
	ServiceUnavailable:  {"일시적으로 서비스를 이용할 수 없습니다.", "The service is temporarily unavailable."},
	ServerError:         {"서버 오류가 발생했습니다.", "A server error occurred."},
}

// Error is an expected failure: a code and its details. Compare by code: errors.Is(err, ErrSessionEnded) is true for every
// Error with that code.
type Error struct {
	Code    Code
	Details map[string]any
}

// Error implements error. The text is for logs; clients get Code.Message.
func (e *Error) Error() string { return string(e.Code) }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// The errors of decisions and membership checks, to match with errors.Is. Do not modify them.
var (
	ErrNotStudyMember      = &Error{Code: NotStudyMember}
	ErrPermissionDenied    = &Error{Code: PermissionDenied}
	ErrSessionNotFound     = &Error{Code: SessionNotFound}
	ErrSessionEnded        = &Error{Code: SessionIsOver}
	ErrParticipantNotFound = &Error{Code: ParticipantNotFound}
	ErrUserNotFound        = &Error{Code: UserNotFound}
	ErrRoomFull            = &Error{Code: RoomFull}
	ErrScreenShareTaken    = &Error{Code: ScreenShareTaken}
)
