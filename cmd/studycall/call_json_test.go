package main

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
)

// aTime, as a text that is wanted, is any instant as the service writes it.
const aTime = "<a time>"

var instantForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// same compares JSON with what is wanted, to the last key.
func same(t *testing.T, got json.RawMessage, want string) bool {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("not JSON: %q: %v", got, err)
		return false
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test wants what is no JSON: %q: %v", want, err)
	}
	return reflect.DeepEqual(timesOf(g), w)
}

// timesOf puts aTime for every instant in a JSON value.
func timesOf(value any) any {
	switch v := value.(type) {
	case string:
		if instantForm.MatchString(v) {
			return aTime
		}
	case []any:
		for i := range v {
			v[i] = timesOf(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = timesOf(v[key])
		}
	}
	return value
}
