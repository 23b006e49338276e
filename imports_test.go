package studycall_test

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/studycall/studycall"

// imports is the import table: the packages of this module that a package may import. Each package has a row of its own, also
// below another one, so that no package inherits a permission. Test files are exempt.
func imports() map[string][]string {
	core := []string{"domain", "eventstore", "commands", "presence", "projections", "membership", "auth", "language", "postgres"}
	return map[string][]string{
		// The core.
		"domain":      nil,
		"eventstore":  {"domain", "postgres", "pacing"},
		"commands":    {"domain", "eventstore"},
		"presence":    {"domain", "commands", "postgres"},
		"projections": {"domain", "eventstore", "postgres"},
		"membership":  {"domain", "postgres"},
		"auth":        nil,
		"language":    {"domain"},
		"seed":        {"domain"},
		// Libraries that know no call.
		"pacing":                nil,
		"rawjson":               nil,
		"websocket":             {"pacing"},
		"closecode":             {"websocket"},
		"socketio/engineio":     {"websocket"},
		"socketio":              {"websocket", "rawjson", "socketio/engineio"},
		"socketio/conformance":  {"websocket", "socketio", "socketio/engineio"},
		"socketio/nodetest":     nil,
		"postgres":              nil,
		"postgres/embedded":     nil,
		"postgres/postgrestest": {"migrations", "postgres", "postgres/embedded"},
		"migrations":            nil,
		// The edges.
		"api":     {"domain", "eventstore", "membership"},
		"httpapi": append(core, "api", "feed", "pacing", "websocket"),
		"feed":    {"api", "eventstore", "websocket", "closecode"},
		"realtime": {"api", "domain", "eventstore", "commands", "presence", "membership", "auth", "language", "pacing", "postgres",
			"socketio", "websocket", "closecode", "rawjson", "realtime/recording"},
		"realtime/recording":    {"pacing"},
		"realtime/realtimetest": nil,
		// Programs.
		"bench/fanout":  nil,
		"cmd/studycall": append(core, "api", "pacing", "httpapi", "realtime", "seed", "migrations", "postgres/embedded", "bench/fanout", "feed"),
		// Tests only.
		"check": nil,
	}
}

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		for _, problem := range forbidden(imports(), file) {
			t.Error(problem)
		}
	}
}

// A protocol library knows no call: the table refuses one that imports the domain.
func TestTheTableRefusesADomainImportInALibrary(t *testing.T) {
	t.Parallel()
	const text = "package engineio\nimport _ \"" + module + "/domain\"\n"
	syntax, err := parser.ParseFile(token.NewFileSet(), "intruder.go", text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"socketio", "socketio/engineio", "websocket", "rawjson"} {
		intruder := source{name: folder + "/intruder.go", folder: folder, syntax: syntax}
		if len(forbidden(imports(), intruder)) == 0 {
			t.Errorf("%s may import domain", folder)
		}
	}
}

// forbidden lists the imports of a file that the table does not allow.
func forbidden(table map[string][]string, file source) []string {
	if file.test {
		return nil
	}
	allowed, known := table[file.folder]
	if !known {
		return []string{file.name + ": the package has no row in the import table"}
	}
	var problems []string
	for _, imported := range moduleImports(file) {
		if !slices.Contains(allowed, imported) {
			problems = append(problems, file.name+": "+file.folder+" may not import "+imported)
		}
	}
	return problems
}

// Test helpers are for tests only. Tests use postgrestest instead of starting a Postgres themselves.
func TestTestHelpersAreForTestsOnly(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		for _, imported := range moduleImports(file) {
			switch {
			case (imported == "postgres/postgrestest" || imported == "check") && !file.test:
				t.Errorf("%s imports %s, which is for tests", file.name, imported)
			case imported == "postgres/embedded" && file.test && !strings.HasPrefix(file.folder, "postgres") &&
				!strings.HasPrefix(file.folder, "cmd"):
				t.Errorf("%s imports %s: use postgrestest", file.name, imported)
			}
		}
	}
}
