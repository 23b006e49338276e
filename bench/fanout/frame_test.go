package fanout

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzPeekText: whatever a server sends, a client reads no more than came, and nothing of another kind as text.
func FuzzPeekText(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i'})
	f.Add([]byte{0x81, 126, 0, 130})
	f.Add([]byte{0x81, 127, 255, 255})
	f.Add([]byte{0x88, 4, 3, 244, 'n', 'o'})
	f.Add([]byte{0x88, 1, 3})
	f.Fuzz(func(t *testing.T, sent []byte) {
		text, frame, err := peekText(bufio.NewReaderSize(bytes.NewReader(sent), 256))
		if err == nil && (sent[0] != textFrame || frame > len(sent) || !bytes.HasSuffix(sent[:frame], text)) {
			t.Errorf("%x gave %q, of %d bytes", sent, text, frame)
		}
	})
}

func TestFramesThatNoClientExpects(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]struct {
		sent string
		want error
		says string
	}{
		"a close frame":        {"\x88\x04\x03\xf4no", nil, "1012: no"},
		"a ping":               {"\x89\x00", errFrame, "0x89"},
		"more than the buffer": {"\x81\x7e\x10\x00", errFrame, "more than"},
		"half a frame":         {"\x81\x05hi", io.EOF, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := peekText(bufio.NewReaderSize(strings.NewReader(given.sent), 256))
			if err == nil || given.want != nil && !errors.Is(err, given.want) || !strings.Contains(err.Error(), given.says) {
				t.Errorf("got %v, want %v with %q", err, given.want, given.says)
			}
		})
	}
}
