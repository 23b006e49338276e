package domain_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/studycall/studycall/domain"
)

// messages has every code with its texts. Clients may show the texts: a change must be deliberate.
var messages = []struct {
	code            domain.Code
	korean, english string
}{
	{"AUTH_REQUIRED", "인증이 필요합니다.", "Authentication is required."},
	{"PERMISSION_DENIED", "접근 권한이 없습니다.", "You do not have permission to do this."},
	{"NOT_STUDY_MEMBER", "스터디 멤버가 아닙니다.", "You are not a member of this study."},
	{"SESSION_NOT_FOUND", "세션을 찾을 수 없습니다.", "The session was not found."},
	{"SESSION_ENDED", "이미 종료된 세션입니다.", "The session has already ended."},
	{"PARTICIPANT_NOT_FOUND", "참여 기록을 찾을 수 없습니다.", "No record of participation was found."},
	{"USER_NOT_FOUND", "사용자를 찾을 수 없습니다.", "The user was not found."},
	{"INVALID_REQUEST", "잘못된 요청입니다.", "The request is not valid."},
	{"ROOM_FULL", "정원이 찼습니다.", "The call is full."},
	{"SCREEN_SHARE_TAKEN", "다른 참여자가 이미 화면을 공유하고 있습니다.", "Another participant is already sharing the screen."},
	{"PEER_UNREACHABLE", "상대방에게 연결할 수 없습니다.", "The other participant cannot be reached."},
	{"ROUTE_NOT_FOUND", "요청한 경로를 찾을 수 없습니다.", "There is no such route."},
	{"METHOD_NOT_ALLOWED", "허용되지 않은 메서드입니다.", "The method is not allowed here."},
	{"PAYLOAD_TOO_LARGE", "요청 본문이 너무 큽니다.", "The request body is too large."},
	{"RATE_LIMITED", "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.", "Too many requests. Please try again in a moment."},
	{"SERVER_ERROR", "서버 오류가 발생했습니다.", "A server error occurred."},
	{"SERVICE_UNAVAILABLE", "일시적으로 서비스를 이용할 수 없습니다.", "The service is temporarily unavailable."},
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for _, m := range messages {
		if got := m.code.Message(domain.Korean); got != m.korean {
			t.Errorf("%s in Korean: got %q, want %q", m.code, got, m.korean)
		}
		if got := m.code.Message(domain.English); got != m.english {
			t.Errorf("%s in English: got %q, want %q", m.code, got, m.english)
		}
	}
	if got := domain.Code("NO_SUCH_CODE").Message(domain.Korean); got != "서버 오류가 발생했습니다." {
		t.Errorf("the message of an unknown code is %q, want that of SERVER_ERROR", got)
	}
	if got := domain.SessionNotFound.Message(domain.Language(7)); got != "세션을 찾을 수 없습니다." {
		t.Errorf("the message in an unknown language is %q, want Korean", got)
	}
}

// The table above has exactly the constants of type Code.
func TestEveryCodeHasATestedMessage(t *testing.T) {
	t.Parallel()
	inTable := map[string]bool{}
	for _, m := range messages {
		inTable[string(m.code)] = true
	}
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		for _, value := range spec.Values {
			literal, ok := value.(*ast.BasicLit)
			if !ok {
				t.Errorf("%v is not a literal", spec.Names)
				continue
			}
			code, err := strconv.Unquote(literal.Value)
			if err != nil || !inTable[code] {
				t.Errorf("the code %s is not in the table", literal.Value)
			}
			found++
		}
		return true
	})
	if found != len(messages) {
		t.Errorf("found %d codes, the table has %d", found, len(messages))
	}
}

func TestErrorsAreComparedByCode(t *testing.T) {
	t.Parallel()
	full := &domain.Error{Code: domain.RoomFull, Details: map[string]any{"capacity": 12}}
	switch {
	case !errors.Is(full, domain.ErrRoomFull):
		t.Error("an Error with details does not match its code")
	case !errors.Is(fmt.Errorf("join: %w", full), domain.ErrRoomFull):
		t.Error("a wrapped Error does not match its code")
	case errors.Is(full, domain.ErrSessionEnded):
		t.Error("an Error matches another code")
	case errors.Is(full, errors.New("ROOM_FULL")):
		t.Error("an Error matches an error with the same text")
	case full.Error() != "ROOM_FULL":
		t.Errorf("the text is %q", full.Error())
	}
}
