package embedded

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/check"
)

func TestMissingBinariesAreDownloadedOnce(t *testing.T) {
	t.Parallel()
	slow(t)
	// Given a machine without Postgres, and a repository whose archive holds one (scripts that run this machine's own)
	installed := binariesHere(t)
	archive := jar(t, map[string]string{
		"bin/postgres": script(installed, "postgres"), "bin/initdb": script(installed, "initdb"), "bin/pg_ctl": script(installed, "pg_ctl"),
	})
	var downloads atomic.Int32
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			sum := sha256.Sum256(archive)
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
			return
		}
		downloads.Add(1)
		_, _ = w.Write(archive)
	}))
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections() })
	t.Cleanup(repository.Close)
	options := Options{Dir: testDir(t), search: &search{folders: noFolders, repository: repository.URL}}

	// When the directory is opened twice
	for range 2 {
		server := open(t, options)
		// Then the server runs from the downloaded binaries
		if want := filepath.Join(server.Dir(), "postgres-17.5.0", "bin"); server.BinDir() != want {
			t.Errorf("the binaries are in %s, want %s", server.BinDir(), want)
		}
		query(t, server, "select 'it runs'")
		closeNow(t, server)
		// The data was made by this machine's Postgres, whose version may differ from the archive's.
		check.NoError(t, os.RemoveAll(server.dir.data()))
	}
	if got := downloads.Load(); got != 1 {
		t.Errorf("downloaded %d times, want once", got)
	}
	if left, _ := filepath.Glob(filepath.Join(options.Dir, "*.new")); len(left) > 0 {
		t.Errorf("%v was not removed", left)
	}
}

func TestAFailedDownloadNamesThePackagesToInstall(t *testing.T) {
	t.Parallel()
	repository := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections() })
	t.Cleanup(repository.Close)
	_, err := tryOpen(t, Options{Dir: testDir(t), search: &search{folders: noFolders, repository: repository.URL}})
	if err == nil {
		t.Fatal("opened")
	}
	for _, want := range []string{"no Postgres", "apt-get install postgresql", "brew install", "--database-url", "no version found"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to mention %q", err, want)
		}
	}
}

// binariesHere returns the folder of this machine's Postgres, or of one downloaded for the test.
func binariesHere(t *testing.T) string {
	t.Helper()
	server := open(t, Options{Dir: testDir(t)})
	target, err := filepath.EvalSymlinks(filepath.Join(server.BinDir(), "postgres"))
	check.NoError(t, err)
	return filepath.Dir(target)
}

func script(dir, name string) string {
	return fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\"\n", filepath.Join(dir, name))
}

// jar packs the programs in the repository's format: a .txz in a zip.
func jar(t *testing.T, programs map[string]string) []byte {
	t.Helper()
	var tarred, zipped bytes.Buffer
	tarWriter := tar.NewWriter(&tarred)
	for name, text := range programs {
		check.NoError(t, tarWriter.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err := tarWriter.Write([]byte(text))
		check.NoError(t, err)
	}
	check.NoError(t, tarWriter.Close())
	zipWriter := zip.NewWriter(&zipped)
	file, err := zipWriter.Create("postgres.txz")
	check.NoError(t, err)
	_, err = file.Write(uncompressedXZ(tarred.Bytes()))
	check.NoError(t, err)
	check.NoError(t, zipWriter.Close())
	return zipped.Bytes()
}

// uncompressedXZ wraps data (at most 64 KiB) in the xz format without compressing it, so that the test needs no xz program.
func uncompressedXZ(data []byte) []byte {
	sealed := func(part []byte) []byte { return binary.LittleEndian.AppendUint32(part, crc32.ChecksumIEEE(part)) }
	pad := func(part []byte) []byte { return append(part, make([]byte, (4-len(part)%4)%4)...) }
	flags := []byte{0, 1} // CRC32

	// One block: a header (LZMA2, 64 KiB dictionary), one uncompressed chunk, the end, padding, the check.
	header := sealed([]byte{2, 0, 0x21, 1, 8, 0, 0, 0})
	chunk := append([]byte{1, byte((len(data) - 1) >> 8), byte(len(data) - 1)}, data...)
	chunk = append(chunk, 0)
	unpadded := len(header) + len(chunk) + 4
	block := slices.Concat(header, pad(chunk))
	block = binary.LittleEndian.AppendUint32(block, crc32.ChecksumIEEE(data))

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded))
	index = sealed(pad(binary.AppendUvarint(index, uint64(len(data)))))
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	tail := slices.Concat(size, flags)

	result := append([]byte{0xFD, '7', 'z', 'X', 'Z', 0}, sealedFlags(flags)...)
	result = append(append(result, block...), index...)
	result = binary.LittleEndian.AppendUint32(result, crc32.ChecksumIEEE(tail))
	return append(append(result, tail...), 'Y', 'Z')
}

func sealedFlags(flags []byte) []byte {
	return binary.LittleEndian.AppendUint32(append([]byte{}, flags...), crc32.ChecksumIEEE(flags))
}
