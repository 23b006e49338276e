package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
)

// scripts returns the folder of testdata/generate with the packages installed. Without them it skips the test; in CI, where the
// variable CI is "true", it installs them instead, so that the tests are not skipped unnoticed.
func scripts(t *testing.T) string {
	t.Helper()
	const folder = "testdata/generate"
	_, noNode := exec.LookPath("node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "next-auth")); err == nil && noNode == nil {
		return folder
	}
	if os.Getenv("CI") != "true" {
		t.Skipf("the real packages are not here; npm ci in auth/%s installs them", folder)
	}
	fresh := t.TempDir()
	for _, pattern := range []string{"*.mjs", "package*.json", ".npmrc"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(fresh, filepath.Base(file)), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	execute(t, fresh, nil, nil, "npm", "ci")
	return fresh
}

// execute runs a program in a folder and returns its output.
func execute(t *testing.T, folder string, env []string, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = folder, append(os.Environ(), env...), bytes.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.String())
	}
	return stdout
}

// The packages' tokens are accepted like the recorded ones of testdata, and the packages accept minted tokens.
func TestAgainstTheRealPackages(t *testing.T) {
	t.Parallel()
	folder := scripts(t)
	t.Run("generate", func(t *testing.T) {
		t.Parallel()
		checkSessions(t, readSessions(t, execute(t, folder, nil, nil, "node", "generate.mjs")))
	})
	t.Run("decode", func(t *testing.T) {
		t.Parallel()
		const secret = "the secret/비밀+="
		issued := time.Now()
		token, err := auth.Mint(secret, auth.Session{
			UserID: "user-456", Name: "김철수", Email: "chulsoo@example.com", Picture: "https://example.com/a.png?b&c",
		}, issued, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		type claims struct {
			Name, Email, Picture, Sub, ID, JTI string
			IAT, EXP                           int64
		}
		var read struct{ Decode, Cookie, Bearer claims }
		text := execute(t, folder, []string{"SECRET=" + secret}, []byte(token), "node", "decode.mjs")
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := claims{
			"김철수", "chulsoo@example.com", "https://example.com/a.png?b&c", "user-456", "user-456", read.Decode.JTI,
			issued.Unix(), issued.Unix() + 3600,
		}
		if read.Decode != want || read.Cookie != want || read.Bearer != want || want.JTI == "" {
			t.Errorf("next-auth reads %s", text)
		}
	})
}
