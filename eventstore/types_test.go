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

	"github.com/studycall/studycall/domain"
)

// golden is an event in its stored form. The files are frozen: a shape that changes gets a new schema and a new file
// ("AudioMuted.2.json"), and the old file must be readable for ever.
type golden struct {
	Name   string          `json:"name"`
	Schema int16           `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

func goldens(tb testing.TB) map[string]golden {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		tb.Fatal(err)
	}
	result := map[string]golden{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
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

// recorded is an event as it comes out of the log.
func (t *types) recorded(name string, schema int16, data []byte) Recorded {
	return Recorded{
		Position: 7, Session: anyFact.SessionID, Type: name, Schema: schema, Data: data, OccurredAt: anyFact.At, types: t,
	}
}

// stories are what the golden files tell.
func stories() map[string]domain.Event {
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

// Every shape that was ever stored is read as the event that it tells of.
func TestStoredEventsAreReadForEver(t *testing.T) {
	t.Parallel()
	types, files := callEvents(), goldens(t)
	for name, want := range stories() {
		g, ok := files[name]
		if !ok {
			t.Errorf("%s has no golden file", name)
			continue
		}
		if got, err := types.recorded(g.Name, g.Schema, g.Data).Event(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	for name := range files {
		if _, ok := stories()[name]; !ok {
			t.Errorf("nobody knows what %s.json tells", name)
		}
	}
}

// What is written now is the newest golden file, to the letter.
func TestEventsAreStoredAsTheyAlwaysWere(t *testing.T) {
	t.Parallel()
	types, files := callEvents(), goldens(t)
	for name, event := range stories() {
		g := files[name]
		if g.Schema != types.byName[g.Name].schema {
			continue // an older shape
		}
		data := &bytes.Buffer{}
		if err := json.Compact(data, g.Data); err != nil {
			t.Fatal(err)
		}
		want := stored{session: anyFact.SessionID, name: g.Name, schema: g.Schema, data: data.String(), occurred: anyFact.At}
		if got, err := types.encode(event); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}

// The reasons are stored too.
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

// No event of the domain is without a stored name, and no stored name without an event.
func TestEveryEventHasAStoredName(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../domain/events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(of.Fields.List, embedsFact) {
			events = append(events, spec.Name.Name)
		}
		return true
	})
	slices.Sort(events)
	told := map[string]bool{}
	for _, event := range stories() {
		told[reflect.TypeOf(event).Name()] = true
	}
	if got := slices.Sorted(maps.Keys(told)); !slices.Equal(got, events) {
		t.Errorf("golden files tell of %v, the domain has %v", got, events)
	}
	if names := slices.Collect(maps.Keys(callEvents().byName)); len(names) != len(events) {
		t.Errorf("%d stored names for %d events: %v", len(names), len(events), names)
	}
}

func embedsFact(field *ast.Field) bool {
	of, ok := field.Type.(*ast.Ident)
	return ok && of.Name == "Fact" && len(field.Names) == 0
}

// moved is what an event of a later program might look like: its second schema nests the user, its third says why.
func moved() *types {
	t := &types{byName: map[string]eventType{}, upcasters: map[upcasterKey]upcaster{}}
	t.add("Moved", 3, func(f domain.Fact, raw []byte, _ func([]byte) string) (domain.Event, error) {
		var data struct {
			User   struct{ ID string }
			Reason domain.LeaveReason
		}
		err := json.Unmarshal(raw, &data)
		return domain.ParticipantLeft{Fact: f, UserID: data.User.ID, Reason: data.Reason}, err
	})
	t.upcasters[upcasterKey{"Moved", 1}] = func(old []byte) ([]byte, error) {
		var flat map[string]string
		if err := json.Unmarshal(old, &flat); err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"user": map[string]string{"id": flat["userId"]}})
	}
	t.upcasters[upcasterKey{"Moved", 2}] = func(old []byte) ([]byte, error) {
		var fields map[string]any
		if err := json.Unmarshal(old, &fields); err != nil {
			return nil, err
		}
		fields["reason"] = "left"
		return json.Marshal(fields)
	}
	return t
}

func TestUpcasters(t *testing.T) {
	t.Parallel()
	gap := moved()
	delete(gap.upcasters, upcasterKey{"Moved", 2})
	left := func(reason domain.LeaveReason) domain.Event {
		return domain.ParticipantLeft{Fact: anyFact, UserID: "kim", Reason: reason}
	}
	for _, c := range []struct {
		name   string
		types  *types
		schema int16
		data   string
		want   domain.Event // nil: it cannot be decoded
	}{
		{"the first schema is lifted twice", moved(), 1, `{"userId": "kim"}`, left("left")},
		{"the second schema is lifted once", moved(), 2, `{"user": {"id": "kim"}}`, left("left")},
		{"the newest schema is left alone", moved(), 3, `{"user": {"id": "kim"}, "reason": "removed"}`, left("removed")},
		{"a newer program's schema", moved(), 4, `{"user": {"id": "kim"}, "reason": "left"}`, nil},
		{"a schema that never was", moved(), 0, `{"userId": "kim"}`, nil},
		{"a negative schema", moved(), -1, `{"userId": "kim"}`, nil},
		{"data that cannot be lifted", moved(), 1, `{"userId": 7}`, nil},
		{"lifted data that does not fit", moved(), 2, `{"user": 7}`, nil},
		{"no upcaster half-way", gap, 1, `{"userId": "kim"}`, nil},
	} {
		got, err := c.types.recorded("Moved", c.schema, []byte(c.data)).Event()
		if c.want != nil && (err != nil || !reflect.DeepEqual(got, c.want)) {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
		if unknown := (*UnknownEventError)(nil); c.want == nil && (!errors.As(err, &unknown) || unknown.Position != 7 ||
			unknown.Schema != c.schema || got != nil) {
			t.Errorf("%s: got %+v, %v, want an error that names the event", c.name, got, err)
		}
	}
}
