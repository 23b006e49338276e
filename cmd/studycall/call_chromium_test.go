package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chromium is a browser process with one page, a fake camera and a fake microphone.
type chromium struct {
	t     *testing.T
	cmd   *exec.Cmd
	group sync.Once // kills the browser's process group
}

// findChromium returns the path of Chromium. Without Chromium it skips the test; in CI (CI=true) it fails the test.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("Chromium is missing; .ci/run installs it")
	}
	t.Skip("Chromium is missing; install it with apt-get install chromium")
	return ""
}

// openChromium opens an address in a new browser whose camera shows the colour. The browser ends with the test.
func openChromium(t *testing.T, address string, camera color.RGBA) *chromium {
	t.Helper()
	home := t.TempDir()
	film := filepath.Join(home, "camera.y4m")
	if err := os.WriteFile(film, cameraFilm(camera), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(findChromium(t),
		"--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+filepath.Join(home, "profile"),
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--use-file-for-fake-video-capture="+film,
		"--autoplay-policy=no-user-gesture-required", "--disable-background-timer-throttling",
		"--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
		// Peers connect over loopback only.
		"--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
		address)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of its processes can be killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &chromium{t: t, cmd: cmd}
	t.Cleanup(b.close)
	return b
}

// close terminates the browser, so that it cleans up, and kills it if it does not end.
func (b *chromium) close() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(5*time.Second, b.kill)
	defer timer.Stop()
	_, _ = b.cmd.Process.Wait()
	b.kill() // the remaining processes
}

// kill kills all of the browser's processes, like a crash of the machine.
func (b *chromium) kill() {
	b.group.Do(func() { _ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) })
	_, _ = b.cmd.Process.Wait()
}

// killPage kills the renderer processes, like a crash of the page.
func (b *chromium) killPage() {
	b.t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		b.t.Fatal(err)
	}
	killed := 0
	for _, file := range found {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			b.t.Fatal(err)
		}
		group, err := syscall.Getpgid(pid)
		if err != nil || group != b.cmd.Process.Pid {
			continue // ended, or not the browser's
		}
		arguments, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(arguments, []byte("--type=renderer")) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			b.t.Fatal(err)
		}
		killed++
	}
	if killed == 0 {
		b.t.Fatal("the browser has no renderer process")
	}
}

// cameraFilm returns an uncompressed Y4M file: two seconds of one colour with a moving grey bar.
func cameraFilm(colour color.RGBA) []byte {
	const width, height, rate, frames, bar = 320, 240, 15, 30, 10
	luma, blue, red := color.RGBToYCbCr(colour.R, colour.G, colour.B)
	var film bytes.Buffer
	fmt.Fprintf(&film, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", width, height, rate)
	for frame := range frames {
		row := bytes.Repeat([]byte{luma}, width)
		copy(row[frame*(width-bar)/frames:], strings.Repeat("\x80", bar))
		film.WriteString("FRAME\n")
		film.Write(bytes.Repeat(row, height))
		film.Write(bytes.Repeat([]byte{blue}, width*height/4))
		film.Write(bytes.Repeat([]byte{red}, width*height/4))
	}
	return film.Bytes()
}
