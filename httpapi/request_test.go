package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func fixedNow() time.Time { return time.UnixMilli(1_763_548_200_000) }

// malformed are bodies without a valid session id, each with the field that the answer must name.
func malformed() map[string]string {
	return map[string]string{
		"": "body", " ": "body", "{": "body", "null": "body", "[]": "body", `"id-1"`: "body", "1": "body", "true": "body",
		`{"sessionId":"id-1"}x`: "body", `{"sessionId":"id-1"}{}`: "body", `{"sessionId":"id-1",}`: "body",
		"\xef\xbb\xbf" + `{"sessionId":"id-1"}`: "body", "{\"sessionId\":\"\xff\"}": "body",
		`{"x":"` + "\xff" + `","sessionId":"id-1"}`: "body", strings.Repeat("[", 20_000): "body",
		`sessionId=id-1`: "body", "{\"sessionId\":\"a\nb\"}": "body",
		`{}`: "sessionId", `{"SESSIONID":"id-1"}`: "sessionId", `{"sessionid":"id-1"}`: "sessionId",
		`{"sessionId":null}`: "sessionId", `{"sessionId":1}`: "sessionId", `{"sessionId":["id-1"]}`: "sessionId",
		`{"sessionId":{}}`: "sessionId", `{"sessionId":false}`: "sessionId", `{"sessionId":""}`: "sessionId",
		`{"sessionId":"a\u0000b"}`: "sessionId", `{"sessionId":"\n"}`: "sessionId", `{"sessionId":"\u007f"}`: "sessionId",
		`{"sessionId":"\u0085"}`: "sessionId", naming(strings.Repeat("x", 201)): "sessionId",
		naming(strings.Repeat("한", 67)): "sessionId", `{"sessionId":"id-1","sessionId":3}`: "sessionId",
	}
}

func TestBodiesWithoutASessionAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	before := s.events(t)
	for body, field := range malformed() {
		for _, route := range []string{"join", "leave"} {
			details := refused(t, route+" "+strconv.Quote(body), http.StatusBadRequest, "INVALID_REQUEST", s.ask(owner, "POST", route, body))
			if reason, _ := details["reason"].(string); details["field"] != field || reason == "" {
				t.Errorf("%s %q: details %v, want the field %s", route, body, details, field)
			}
		}
	}
	if after := s.events(t); after != before {
		t.Errorf("%d events were appended", after-before)
	}
}

func TestBodiesWithASessionAreAccepted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	for _, body := range []string{
		`{"sessionId":"id-1"}`, " \t\r\n{\"sessionId\" : \"id-1\"}\n", `{"other":[{"x":null}],"sessionId":"id-1"}`,
		`{"sessionId":"\u0069d-1"}`, `{"sessionId":"unknown","sessionId":"id-1"}`,
	} {
		if got := s.ask(owner, "POST", "join", body); got.status >= 300 {
			t.Errorf("%s: %+v", body, got)
		}
	}
	for _, body := range []string{"", "{", "\x00\xff", `{"sessionId":3}`} {
		if got := s.ask(owner, "POST", "start", body); got.status != http.StatusOK {
			t.Errorf("start takes any body, but %q: %+v", body, got)
		}
	}
}
