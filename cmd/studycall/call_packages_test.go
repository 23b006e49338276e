package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// webPackages returns a copy of testdata/webapp with the npm packages installed. Without the packages it skips the test; in CI
// (CI=true) it installs them, because CI must not skip tests.
func webPackages(t *testing.T) string {
	t.Helper()
	const folder = "testdata/webapp"
	_, noNode := exec.LookPath("node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "socket.io-client")); err == nil && noNode == nil {
		return folder
	}
	if os.Getenv("CI") != "true" {
		t.Skipf("socket.io-client is missing; install it with npm ci in cmd/studycall/%s", folder)
	}
	fresh := t.TempDir()
	if err := os.CopyFS(fresh, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return fresh
}
