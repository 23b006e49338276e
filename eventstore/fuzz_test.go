package eventstore

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Decoding any bytes returns an event or an error. A decoded event stays the same when it is encoded and decoded again.
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
			wantFields(t, event, data)
		}
		again, err := types.encode(event)
		if err != nil || again.name != name || again.session != anyFact.SessionID {
			t.Fatalf("%+v is encoded as %+v, %v", event, again, err)
		}
		read, err := types.recorded(again.name, again.schema, []byte(again.data)).Event()
		if err != nil || !reflect.DeepEqual(read, event) {
			t.Fatalf("%+v is decoded again as %+v, %v", event, read, err)
		}
	})
}

// wantFields compares the fields of an event with stored data of the newest schema, decoded by encoding/json.
func wantFields(t *testing.T, event any, data []byte) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatalf("%q was decoded, although it is no JSON object: %v", data, err)
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
		want, _ := object[key].(string) // if the key is missing or null, the field is empty
		if _, exact := object[key]; value.IsValid() && (exact || spellings == 0) && spellings <= 1 && value.String() != want {
			t.Fatalf("%q was decoded as %+v", data, event)
		}
	}
}
