package httpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The comparison is byte for byte.
func TestTheExamplesInTheDocumentationAreTheGoldenFiles(t *testing.T) {
	t.Parallel()
	examples := regexp.MustCompile("(?s)<!-- httpapi/(\\S+) -->\n```json\n(.*?\n)```").FindAllStringSubmatch(documentation(t), -1)
	if len(examples) < 7 {
		t.Fatalf("only %d examples are found", len(examples))
	}
	for _, example := range examples {
		golden, err := os.ReadFile(example[1])
		if err != nil || strings.TrimSpace(string(golden)) != strings.TrimSpace(example[2]) {
			t.Errorf("%s (%v) is\n%s\nand in docs/api.md\n%s", example[1], err, golden, example[2])
		}
	}
}

// Each error must be listed with its status and both messages.
func TestTheDocumentationListsEveryError(t *testing.T) {
	t.Parallel()
	text := documentation(t)
	golden, err := os.ReadFile("testdata/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	type messages struct{ Error, Code string }
	var all []struct {
		Status int
		Ko, En messages
	}
	if err := json.Unmarshal(golden, &all); err != nil || len(all) < 15 {
		t.Fatalf("%d errors, %v", len(all), err)
	}
	for _, e := range all {
		if row := fmt.Sprintf("| %d | `%s` | %s | %s |", e.Status, e.Ko.Code, e.Ko.Error, e.En.Error); !strings.Contains(text, row) {
			t.Errorf("docs/api.md has no row %s", row)
		}
	}
}
