package main

import (
	"image/color"
	"strings"
	"testing"
)

// TestOriginsOfPages: a browser lets the pages of listed origins read what the service answers, and no others.
func TestOriginsOfPages(t *testing.T) {
	t.Parallel()
	findChromium(t)
	stage := newStage(t, webPackages(t))
	stage.service = serveHere(t, t.Output(), nil, callArgs(callDatabase(t), "--allowed-origins="+stage.server.URL)...)
	listed, stranger := stage.enter(kim, true), stage.enter(lee, false)
	openChromium(t, stage.server.URL+"/?who="+kim, color.RGBA{A: 255})
	openChromium(t, strings.Replace(stage.server.URL, "127.0.0.1", "localhost", 1)+"/?who="+lee, color.RGBA{A: 255})
	if got := listed.does("knock", nil); !same(t, got, `["", ""]`) {
		t.Errorf("a page of a listed origin gets %s", got)
	}
	if got := stranger.does("knock", nil); !same(t, got, `["TypeError: Failed to fetch", "xhr poll error"]`) {
		t.Errorf("a page of another origin gets %s", got)
	}
}
