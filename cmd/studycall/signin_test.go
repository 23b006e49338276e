package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
)

// secretText is part of every secret in these tests, so that a search finds it.
const secretText = "do-not-show-this-secret"

func TestSignInMethodFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	const loopbackOnly, allInterfaces = "127.0.0.1:8080", "0.0.0.0:8080"
	const (
		needsSecret = "needs the web app's secret: set NEXTAUTH_SECRET"
		production  = "shows that this is not development"
		loopback    = "on loopback only"
		unknown     = "must be one of nextauth, dev"
		badAddress  = "is not an address like 127.0.0.1:8080"
		badSecret   = "(NEXTAUTH_SECRET): "
	)
	for _, c := range []struct {
		auth, secret, cookie, listen string
		want                         string // the method, or part of the error
	}{
		{"", "", "", loopbackOnly, "dev"},
		{"", "", "", "localhost:8080", "dev"},
		{"", "", "", "[::1]:8080", "dev"},
		{"", "", "", "127.8.9.10:0", "dev"},
		{"dev", "", "", loopbackOnly, "dev"},
		{"", secretText, "", loopbackOnly, "nextauth"},
		{"", secretText, "", allInterfaces, "nextauth"},
		{"", secretText, "", ":8080", "nextauth"},
		{"nextauth", secretText, "", loopbackOnly, "nextauth"},
		{"nextauth", secretText, "", allInterfaces, "nextauth"},
		{"nextauth", secretText + "," + secretText + "2", "study.session", allInterfaces, "nextauth"},
		{"nextauth", "x", "", allInterfaces, "nextauth"},

		{"nextauth", "", "", loopbackOnly, needsSecret},
		{"nextauth", "", "", allInterfaces, needsSecret},
		{"dev", secretText, "", loopbackOnly, production},
		{"dev", secretText, "", allInterfaces, production},
		{"dev", "", "", allInterfaces, loopback},
		{"", "", "", allInterfaces, loopback},
		{"", "", "", ":8080", loopback},
		{"", "", "", "[::]:8080", loopback},
		{"", "", "", "192.168.1.2:8080", loopback},
		{"", "", "", "studycall.example.com:8080", loopback},
		{"", "", "", "localhost.example.com:8080", loopback},
		{"none", "", "", loopbackOnly, unknown},
		{"DEV", "", "", loopbackOnly, unknown},
		{"none", secretText, "", loopbackOnly, unknown},
		{"", "", "", "8080", badAddress},
		{"", secretText, "", "nonsense", badAddress},
		{"", secretText + ",", "", loopbackOnly, badSecret + "no secret at place 2 of 2"},
		{"", "," + secretText, "", loopbackOnly, badSecret + "no secret at place 1 of 2"},
		{"nextauth", secretText + ", " + secretText, "", loopbackOnly, badSecret + "there is a space beside a comma"},
		{"", secretText, "two words", loopbackOnly, `: "two words" cannot be the name of a cookie`},
	} {
		flags := signInFlags{Auth: c.auth, NextAuthSecret: c.secret, SessionCookie: c.cookie}
		callers, err := flags.authenticator(c.listen)
		got := ""
		switch callers.(type) {
		case auth.Dev:
			got = byDev
		case *auth.NextAuth:
			got = byNextAuth
		}
		if c.want == byDev || c.want == byNextAuth {
			if got != c.want || err != nil {
				t.Errorf("%+v: %q, %v", c, got, err)
			}
			continue
		}
		if got != "" || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secretText) {
			t.Errorf("%+v: %q, refused with %v", c, got, err)
			continue // the program would serve
		}

		// The same with the command line.
		args := []string{"serve", "--listen=" + c.listen, "--auth=" + c.auth, "--nextauth-secret=" + c.secret, "--session-cookie=" + c.cookie}
		code, stdout, stderr := studycall(t, args...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) || strings.Contains(stderr, secretText) {
			t.Errorf("%q: exit %d, %q and %q", args, code, stdout, stderr)
		}
	}
}

func TestInvalidVariablesAreRefusedLikeFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env, args []string
		want      string
	}{
		{[]string{"STUDYCALL_AUTH=dev", "NEXTAUTH_SECRET=" + secretText}, nil, "shows that this is not development"},
		{[]string{"NEXTAUTH_SECRET=" + secretText}, []string{"--auth=dev"}, "shows that this is not development"},
		{[]string{"NEXTAUTH_SECRET=" + secretText}, []string{"--nextauth-secret="}, "no secret at place 1 of 1"},
		{[]string{"NEXTAUTH_SECRET=" + secretText}, []string{"--auth=dev", "--nextauth-secret="}, "shows that this is not development"},
		{[]string{"STUDYCALL_AUTH=dev"}, []string{"--nextauth-secret=" + secretText}, "shows that this is not development"},
		{[]string{"STUDYCALL_AUTH=dev", "AUTH_SECRET=" + secretText}, nil, "shows that this is not development"},
		{[]string{"AUTH_SECRET=" + secretText}, []string{"--auth=dev", "--nextauth-secret="}, "shows that this is not development"},
		{[]string{"AUTH_SECRET=" + secretText}, []string{"--nextauth-secret="}, "no secret at place 1 of 1"},
		{[]string{"AUTH_SECRET=" + secretText + ",,"}, nil, "no secret at place 2 of 3"},
		{[]string{"AUTH_SECRET=" + secretText, "NEXTAUTH_SECRET=" + secretText + "2"}, nil, "NEXTAUTH_SECRET and AUTH_SECRET are different secrets"},
		{[]string{"STUDYCALL_AUTH=nextauth", "NEXTAUTH_SECRET="}, nil, "set NEXTAUTH_SECRET"},
		{[]string{"STUDYCALL_AUTH=none"}, nil, "--auth (STUDYCALL_AUTH) must be one of"},
		{[]string{"STUDYCALL_LISTEN=0.0.0.0:0"}, nil, "on loopback only"},
		{[]string{"NEXTAUTH_SECRET=" + secretText + ",,"}, nil, "no secret at place 2 of 3"},
		{[]string{"NEXTAUTH_SECRET=" + secretText, "STUDYCALL_SESSION_COOKIE=a;b"}, nil, "cannot be the name of a cookie"},
		{[]string{"ALLOWED_ORIGINS=*"}, nil, "listed one by one, without *"},
		{[]string{"ALLOWED_ORIGINS=https://a.example,https://b.example/"}, nil, "write https://b.example"},
		{[]string{"STUDYCALL_TRUSTED_PROXIES=everybody"}, nil, "not a network like 10.0.0.0/8"},
		{[]string{"STUDYCALL_RATE_LIMIT=-1"}, nil, "--rate-limit (STUDYCALL_RATE_LIMIT) must be 0 or at least"},
	} {
		t.Run(strings.Join(append(c.env, c.args...), " "), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience) // in case the program serves
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], append([]string{"serve"}, c.args...)...)
			cmd.Env = append(append(os.Environ(), asProgram+"=yes"), c.env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			text := stderr.String()
			if code := cmd.ProcessState.ExitCode(); code != exitUsage || stdout.Len() > 0 || strings.Count(text, "\n") != 1 ||
				!strings.Contains(text, c.want) || strings.Contains(text, secretText) {
				t.Errorf("exit %d, %q and %q; want one line with %q", code, stdout.String(), text, c.want)
			}
		})
	}
}

func TestInvalidEdgeFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--allowed-origins=*":                               "without *",
		"--allowed-origins=app.example.com":                 "not an origin like https://app.example.com",
		"--allowed-origins=https://app.example.com/path":    "write https://app.example.com",
		"--trusted-proxies=10.0.0.0/33":                     "not a network like",
		"--trusted-proxies=10.0.0.1/8":                      "write the network",
		"--trusted-proxies=0.0.0.0/0":                       "includes every address",
		"--trusted-proxies=10.0.0.0/8,":                     "not a network like",
		"--trusted-proxies=::ffff:10.0.0.0/104":             "not a network like",
		"--rate-limit=often":                                "--rate-limit",
		"--rate-limit=NaN":                                  "--rate-limit (STUDYCALL_RATE_LIMIT) must be 0 or at least",
		"--rate-limit=Inf":                                  "--rate-limit (STUDYCALL_RATE_LIMIT) must be 0 or at least",
		"--rate-limit=1e-9":                                 "--rate-limit (STUDYCALL_RATE_LIMIT) must be 0 or at least",
		"--rate-burst=0":                                    "--rate-burst (STUDYCALL_RATE_BURST) must be from 1",
		"--address-rate-limit=-5":                           "--address-rate-limit (STUDYCALL_ADDRESS_RATE_LIMIT) must be 0 or at least",
		"--address-rate-burst=1000001":                      "--address-rate-burst (STUDYCALL_ADDRESS_RATE_BURST) must be from 1",
		"--allowed-origins=https://user:secret@example.com": "not an origin like",
	} {
		code, stdout, stderr := studycall(t, "serve", flag)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q and %q; want one line with %q", flag, code, stdout, stderr, want)
		}
	}
}

func TestListFlags(t *testing.T) {
	t.Parallel()
	var proxies networkList
	for text, want := range map[string]string{
		"": "[]", " ": "[]", "10.0.0.0/8": "[10.0.0.0/8]", "10.1.2.3, fd00::/8 ,::1": "[10.1.2.3/32 fd00::/8 ::1/128]",
		"::ffff:10.1.2.3": "[10.1.2.3/32]",
	} {
		if err := proxies.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		got := []string{}
		for _, network := range proxies {
			got = append(got, network.String())
		}
		if list := "[" + strings.Join(got, " ") + "]"; list != want {
			t.Errorf("%q: %s, want %s", text, list, want)
		}
	}
	var allowed originList
	if err := allowed.UnmarshalText(nil); err != nil || allowed.Listed("") {
		t.Errorf("no origins: %v", err)
	}
}

func TestTheStartLogsHowCallersSignIn(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string][]string{
		"":                       {"level=WARN", "X-User-Id is trusted"},
		secretText:               {"level=INFO", "NextAuth sessions", "secrets=1"},
		secretText + ",brief":    {"NextAuth sessions", "secrets=2", "level=WARN", "a secret is short", "place=2", "bytes=5"},
		"fifteen bytes15" + ",x": {"place=1", "bytes=15", "place=2", "bytes=1"},
	} {
		var log bytes.Buffer
		signInFlags{NextAuthSecret: secret}.log(slog.New(slog.NewTextHandler(&log, nil)))
		for _, part := range want {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%q: %q lacks %q", secret, log.String(), part)
			}
		}
		if strings.Contains(log.String(), secretText) || strings.Contains(log.String(), "brief") || strings.Contains(log.String(), "fifteen") {
			t.Errorf("shows a secret: %s", log.String())
		}
		if short := strings.Contains(log.String(), "short"); short != strings.Contains(secret, ",") {
			t.Errorf("%q: warns of a short secret: %v", secret, short)
		}
	}
}
