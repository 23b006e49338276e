package main

import (
	"image/color"
	"strings"
	"testing"
)

// A browser lets only pages of allowed origins read the service's answers.
func TestBrowsersEnforceAllowedOrigins(t *testing.T) {
	t.Parallel()
	skipInShort(t, "5 s")
	findChromium(t)
	pages := newPageServer(t, webPackages(t))
	pages.service = serveInProcess(t, t.Output(), nil, callArgs(callDatabase(t), "--allowed-origins="+pages.server.URL)...)
	listed, unlisted := pages.enter(kim, true), pages.enter(lee, false)
	openChromium(t, pages.server.URL+"/?who="+kim, color.RGBA{A: 255})
	openChromium(t, strings.Replace(pages.server.URL, "127.0.0.1", "localhost", 1)+"/?who="+lee, color.RGBA{A: 255})
	if got := listed.run("knock", nil); !same(t, got, `["", ""]`) {
		t.Errorf("a page of a listed origin gets %s", got)
	}
	if got := unlisted.run("knock", nil); !same(t, got, `["TypeError: Failed to fetch", "xhr poll error"]`) {
		t.Errorf("a page of another origin gets %s", got)
	}
}
