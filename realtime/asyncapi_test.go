package realtime_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// asyncAPI is docs/signalling.asyncapi.json.
type asyncAPI struct {
	Components struct {
		Messages map[string]struct {
			Name    string
			Payload schema
		}
		Schemas map[string]schema
	}
}

// schema is the part of JSON Schema that the document uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Required   []string
	Properties map[string]schema
	Items      *schema
}

func readAsyncAPI(t *testing.T) asyncAPI {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "signalling.asyncapi.json"))
	check.NoError(t, err)
	var doc asyncAPI
	check.NoError(t, json.Unmarshal(data, &doc))
	return doc
}

// conforms returns what is wrong with a value; "" if nothing is.
func (doc asyncAPI) conforms(value any, s schema, at string) string {
	if s.Ref != "" {
		return doc.conforms(value, doc.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], at)
	}
	types := fmt.Sprint(s.Type)
	switch v := value.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, has := v[name]; !has {
				return at + "." + name + " is missing"
			}
		}
		for name, inner := range v {
			is, known := s.Properties[name]
			if s.Properties != nil && !known {
				return at + "." + name + " is not in the document"
			}
			if wrong := doc.conforms(inner, is, at+"."+name); wrong != "" {
				return wrong
			}
		}
		return mistyped(types, "object", at)
	case []any:
		for i, inner := range v {
			if wrong := doc.conforms(inner, *s.Items, fmt.Sprintf("%s[%d]", at, i)); wrong != "" {
				return wrong
			}
		}
		return mistyped(types, "array", at)
	case string:
		return mistyped(types, "string", at)
	case bool:
		return mistyped(types, "boolean", at)
	case float64:
		return mistyped(types, "integer", at)
	default:
		return mistyped(types, "null", at)
	}
}

func mistyped(types, is, at string) string {
	if types == "<nil>" || strings.Contains(types, is) {
		return ""
	}
	return at + " is of type " + is + ", not " + types
}

// Every golden payload matches its schema, and the document names exactly the events of the code.
func TestTheAsyncAPIDocumentMatchesTheGoldenFiles(t *testing.T) {
	t.Parallel()
	doc := readAsyncAPI(t)
	payloads := map[string]schema{}
	var documented []string
	for key, m := range doc.Components.Messages {
		if m.Name != "event" { // of the feed
			documented = append(documented, m.Name)
		}
		if strings.HasPrefix(key, "from") {
			payloads[m.Name] = m.Payload
		}
	}
	source, err := os.ReadFile("events.go")
	check.NoError(t, err)
	names := []string{}
	for _, found := range regexp.MustCompile(`"([a-z:-]+)"`).FindAllStringSubmatch(string(source), -1) {
		if found[1] != "connected" { // of the plain WebSocket alone
			names = append(names, found[1])
		}
	}
	for _, sorted := range []*[]string{&names, &documented} {
		slices.Sort(*sorted)
		*sorted = slices.Compact(*sorted)
	}
	if !slices.Equal(names, documented) {
		t.Errorf("the code has %q\nthe document %q", names, documented)
	}

	for file, event := range map[string]string{
		"room_state": "video:room-state", "room_state_alone": "video:room-state", "user_joined": "video:user-joined",
		"user_left": "video:user-left", "offer": "video:offer", "answer": "video:answer", "candidate_null": "video:ice-candidate",
		"peer_audio_changed": "video:peer-audio-changed", "peer_video_changed": "video:peer-video-changed",
		"peer_screen_share": "video:peer-screen-share", "peer_screen_share_stopped": "video:peer-screen-share",
		"screen_share_started": "video:screen-share-started", "screen_share_stopped": "video:screen-share-stopped",
		"user_speaking": "video:user-speaking", "message_received": "chat:video-message-received",
		"file_received": "chat:video-file-received", "study_joined": "presence:study-joined",
		"user_online": "presence:user-online", "user_offline": "presence:user-offline", "error": "error",
		"screen_share_taken": "error",
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file+".json"))
		check.NoError(t, err)
		var value any
		check.NoError(t, json.Unmarshal(data, &value))
		if wrong := doc.conforms(value, payloads[event], event); wrong != "" {
			t.Errorf("%s: %s", file, wrong)
		}
	}
}
