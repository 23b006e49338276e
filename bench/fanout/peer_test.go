package fanout

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// Given any bytes, peekText returns only text frames, and reads no more than was sent.
func FuzzPeekText(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i'})
	f.Add([]byte{0x81, 126, 0, 130})
	f.Add([]byte{0x81, 127, 255, 255})
	f.Add([]byte{0x88, 4, 3, 244, 'n', 'o'})
	f.Add([]byte{0x88, 1, 3})
	f.Fuzz(func(t *testing.T, sent []byte) {
		text, frame, err := peekText(bufio.NewReaderSize(bytes.NewReader(sent), 256))
		if err == nil && (sent[0] != textFrame || frame > len(sent) || !bytes.HasSuffix(sent[:frame], text)) {
			t.Errorf("%x: got %q, with a frame of %d bytes", sent, text, frame)
		}
	})
}

func TestUnexpectedFrames(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]struct {
		sent string
		want error
		text string
	}{
		"a close frame": {"\x88\x04\x03\xf4no", nil, "1012: no"},
		"a ping":        {"\x89\x00", errFrame, "0x89"},
		"a large frame": {"\x81\x7e\x10\x00", errFrame, "more than"},
		"half a frame":  {"\x81\x05hi", io.EOF, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := peekText(bufio.NewReaderSize(strings.NewReader(given.sent), 256))
			if err == nil || given.want != nil && !errors.Is(err, given.want) || !strings.Contains(err.Error(), given.text) {
				t.Errorf("got %v, want %v with %q", err, given.want, given.text)
			}
		})
	}
}
