package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc/panics"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
)

// golden is an event in its stored form. The files are frozen: if a shape changes, its new schema version gets a new file
// ("AudioMuted.2.json"), and the old file must remain readable for ever.
type golden struct {
	Name   string          `json:"name"`
	Schema int16           `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// goldens returns the golden files by name, without ".json".
func goldens(tb testing.TB) map[string]golden {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.json")
	check.NoError(tb, err)
	result := map[string]golden{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		check.NoError(tb, err)
		var g golden
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&g); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		result[strings.TrimSuffix(filepath.Base(file), ".json")] = g
	}
	return result
}

var anyFact = domain.Fact{SessionID: "session-1", At: time.Date(2025, 11, 19, 10, 30, 0, 0, time.UTC)}

// recorded returns an event as it is read from the log.
func (t *types) recorded(name string, schema int16, data []byte) Recorded {
	return Recorded{
		Position: 7, Session: anyFact.SessionID, Type: name, Schema: schema, Data: data, OccurredAt: anyFact.At, types: t,
	}
}

// goldenEvents returns the events that the golden files hold.
func goldenEvents() map[string]domain.Event {
	const user = "user-456"
	return map[string]domain.Event{
		"SessionStarted":     domain.SessionStarted{Fact: anyFact, StartedBy: user},
		"SessionStarted.2":   domain.SessionStarted{Fact: anyFact, StartedBy: user},
		"ParticipantJoined":  domain.ParticipantJoined{Fact: anyFact, ParticipantID: "participant-1", UserID: user},
		"ParticipantLeft":    domain.ParticipantLeft{Fact: anyFact, UserID: user, Reason: domain.Disconnected},
		"AudioMuted":         domain.AudioMuted{Fact: anyFact, UserID: user},
		"AudioUnmuted":       domain.AudioUnmuted{Fact: anyFact, UserID: user},
		"VideoTurnedOff":     domain.VideoTurnedOff{Fact: anyFact, UserID: user},
		"VideoTurnedOn":      domain.VideoTurnedOn{Fact: anyFact, UserID: user},
		"ScreenShareStarted": domain.ScreenShareStarted{Fact: anyFact, UserID: user},
		"ScreenShareStopped": domain.ScreenShareStopped{Fact: anyFact, UserID: user},
		"SessionEnded":       domain.SessionEnded{Fact: anyFact, Reason: domain.EveryoneLeft},
	}
}

func TestEveryGoldenFileCanBeDecoded(t *testing.T) {
	t.Parallel()
	types, files := callEvents(), goldens(t)
	for name, want := range goldenEvents() {
		g, ok := files[name]
		if !ok {
			t.Errorf("testdata/%s.json is missing: add it with the event's stored form", name)
			continue
		}
		if got, err := types.recorded(g.Name, g.Schema, g.Data).Event(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	for name := range files {
		if _, ok := goldenEvents()[name]; !ok {
			t.Errorf("goldenEvents has no event for testdata/%s.json: add it", name)
		}
	}
}

func TestEventsAreEncodedAsInTheNewestGoldenFile(t *testing.T) {
	t.Parallel()
	types, files := callEvents(), goldens(t)
	for name, event := range goldenEvents() {
		g := files[name]
		if g.Schema != types.byName[g.Name].schema {
			continue // an older shape
		}
		data := &bytes.Buffer{}
		check.NoError(t, json.Compact(data, g.Data))
		want := stored{session: anyFact.SessionID, name: g.Name, schema: g.Schema, data: data.String(), occurred: anyFact.At}
		if got, err := types.encode(event); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestStoredReasonsAreFrozen(t *testing.T) {
	t.Parallel()
	for reason, want := range map[any]string{
		domain.Left: "left", domain.Disconnected: "disconnected", domain.Expired: "expired", domain.Removed: "removed",
		domain.EveryoneLeft: "everyoneLeft", domain.NobodyJoined: "expired",
	} {
		if got := reflect.ValueOf(reason).String(); got != want {
			t.Errorf("%T %q is stored as %q", reason, want, got)
		}
	}
}

// Every event of the domain is registered and has a golden file, and nothing else is registered.
func TestEveryEventIsRegistered(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../domain/events.go", nil, 0)
	check.NoError(t, err)
	var events []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if shape, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(shape.Fields.List, embedsFact) {
			events = append(events, spec.Name.Name)
		}
		return true
	})
	slices.Sort(events)
	golden := map[string]bool{}
	for _, event := range goldenEvents() {
		golden[reflect.TypeOf(event).Name()] = true
	}
	if got := slices.Sorted(maps.Keys(golden)); !slices.Equal(got, events) {
		t.Errorf("there are golden files for %v, the domain has %v: add the missing ones to goldenEvents and testdata", got, events)
	}
	if names := slices.Collect(maps.Keys(callEvents().byName)); len(names) != len(events) {
		t.Errorf("callEvents registers %d names for %d events of the domain: %v", len(names), len(events), names)
	}
}

func embedsFact(field *ast.Field) bool {
	embedded, ok := field.Type.(*ast.Ident)
	return ok && embedded.Name == "Fact" && len(field.Names) == 0
}

// movedData is the third schema of an event that a later program might have. Its second schema has no reason, and its first
// has the user's id alone.
type movedData struct {
	User   struct{ ID string }
	Reason domain.LeaveReason
}

// registerMoved registers ParticipantLeft as that event.
func registerMoved(t *types, schema int16, upcasters ...upcaster) {
	register(t, "Moved", schema,
		func(domain.ParticipantLeft) movedData { return movedData{} },
		func(f domain.Fact, d movedData) domain.ParticipantLeft {
			return domain.ParticipantLeft{Fact: f, UserID: d.User.ID, Reason: d.Reason}
		}, upcasters...)
}

func moved1To2(data []byte) ([]byte, error) {
	var flat map[string]string
	if err := json.Unmarshal(data, &flat); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"user": map[string]string{"id": flat["userId"]}})
}

func moved2To3(data []byte) ([]byte, error) {
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	fields["reason"] = "left"
	return json.Marshal(fields)
}

func TestUpcasters(t *testing.T) {
	t.Parallel()
	types := newTypes()
	registerMoved(types, 3, moved1To2, moved2To3)
	left := func(reason domain.LeaveReason) domain.Event {
		return domain.ParticipantLeft{Fact: anyFact, UserID: "kim", Reason: reason}
	}
	for _, c := range []struct {
		name   string
		schema int16
		data   string
		want   domain.Event // nil: it cannot be decoded
	}{
		{"the first schema is converted twice", 1, `{"userId": "kim"}`, left("left")},
		{"the second schema is converted once", 2, `{"user": {"id": "kim"}}`, left("left")},
		{"the newest schema is not converted", 3, `{"user": {"id": "kim"}, "reason": "removed"}`, left("removed")},
		{"a newer program's schema", 4, `{"user": {"id": "kim"}, "reason": "left"}`, nil},
		{"schema 0", 0, `{"userId": "kim"}`, nil},
		{"a negative schema", -1, `{"userId": "kim"}`, nil},
		{"data that cannot be converted", 1, `{"userId": 7}`, nil},
		{"converted data that does not fit", 2, `{"user": 7}`, nil},
	} {
		got, err := types.recorded("Moved", c.schema, []byte(c.data)).Event()
		if c.want != nil && (err != nil || !reflect.DeepEqual(got, c.want)) {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
		if unknown := (*UnknownEventError)(nil); c.want == nil && (!errors.As(err, &unknown) || unknown.Position != 7 ||
			unknown.Schema != c.schema || got != nil) {
			t.Errorf("%s: got %+v, %v, want an error that names the event", c.name, got, err)
		}
	}
}

func TestMistakesInRegistrationPanic(t *testing.T) {
	t.Parallel()
	for name, mistake := range map[string]func(*types){
		"an upcaster is missing":   func(t *types) { registerMoved(t, 3, moved1To2) },
		"an upcaster too many":     func(t *types) { registerMoved(t, 2, moved1To2, moved2To3) },
		"a name is used twice":     func(t *types) { registerUserEvent[domain.AudioMuted](t, "AudioUnmuted") },
		"an event has a name more": func(t *types) { registerUserEvent[domain.AudioUnmuted](t, "Unmuted") },
	} {
		types := newTypes()
		registerUserEvent[domain.AudioUnmuted](types, "AudioUnmuted")
		if panics.Try(func() { mistake(types) }) == nil {
			t.Errorf("%s: no panic", name)
		}
	}
}
