package eventstore

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Whatever bytes the log holds: decoding gives an event or an error, and an event that was decoded is stored and read
// again as the same one.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Name, g.Schema, []byte(g.Data))
	}
	f.Add("AudioMuted", int16(0), []byte(`{}`))
	f.Add("AudioMuted", int16(-32768), []byte(`{"userId":"x"}`))
	f.Add("AudioMuted", int16(1), []byte(`{"userId":"\u0000\ud800"}`))
	f.Add("SessionEnded", int16(1), []byte("null"))
	for _, data := range []string{
		`{}`, `{"userId":"kim","userId":"lee"}`, `{"userId":"b",}`, `{"userId":"b"} `, `{ "userId":"b"}`, `{"userId":"\u0041"}`,
		`{"userId":"이"}`, `{"userId":1}`, `{"userId":null}`, `{"userId"}`, `{"userId":"b""c":"d"}`, `{,"userId":"b"}`, `{}}`,
		`{"":""}`, `{"other":{},"userId":"b"}`, "{\"userId\":\"\x00\"}", `[]`, ``, `"`,
	} {
		f.Add("AudioMuted", int16(1), []byte(data))
	}
	f.Add("NoSuchType", int16(1), []byte(`{`))
	types := callEvents()
	f.Fuzz(func(t *testing.T, name string, schema int16, data []byte) {
		event, err := types.recorded(name, schema, data).Event()
		if (event == nil) == (err == nil) {
			t.Fatalf("got %v and %v", event, err)
		}
		if err != nil {
			return
		}
		if schema == types.byName[name].schema {
			says(t, event, data)
		}
		again, err := types.encode(event)
		if err != nil || again.name != name || again.session != anyFact.SessionID {
			t.Fatalf("%+v is stored as %+v, %v", event, again, err)
		}
		read, err := types.recorded(again.name, again.schema, []byte(again.data)).Event()
		if err != nil || !reflect.DeepEqual(read, event) {
			t.Fatalf("%+v is read again as %+v, %v", event, read, err)
		}
	})
}

// says compares the fields of an event with the stored object, of the newest schema, read in the plainest way.
func says(t *testing.T, event any, data []byte) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatalf("%q is not an object of JSON, and was decoded: %v", data, err)
	}
	for field, key := range map[string]string{
		"StartedBy": "userId", "ParticipantID": "participantId", "UserID": "userId", "Reason": "reason",
	} {
		value := reflect.ValueOf(event).FieldByName(field)
		spellings := 0
		for k := range object {
			if strings.EqualFold(k, key) {
				spellings++
			}
		}
		want, _ := object[key].(string) // without it, or with null, the field is empty
		if _, exact := object[key]; value.IsValid() && (exact || spellings == 0) && spellings <= 1 && value.String() != want {
			t.Fatalf("%q was decoded as %+v", data, event)
		}
	}
}
