package main

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
)

// aTime stands in expected JSON for any time in the service's format.
const aTime = "<a time>"

var instantForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// same reports whether JSON equals the expected JSON, key by key.
func same(t *testing.T, got json.RawMessage, want string) bool {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("not JSON: %q: %v", got, err)
		return false
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test expects invalid JSON: %q: %v", want, err)
	}
	return reflect.DeepEqual(maskTimes(g), w)
}

// maskTimes replaces every time in a JSON value by aTime.
func maskTimes(value any) any {
	switch v := value.(type) {
	case string:
		if instantForm.MatchString(v) {
			return aTime
		}
	case []any:
		for i := range v {
			v[i] = maskTimes(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = maskTimes(v[key])
		}
	}
	return value
}
