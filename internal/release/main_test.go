package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

func TestArchivesHaveTheNamesThatInstallDownloads(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"v1.2.3": "slipway_1.2.3_linux_amd64.tar.gz", "1.2.3": "slipway_1.2.3_linux_amd64.tar.gz",
		"v1.2.3-4-gabcdef-dirty": "slipway_1.2.3-4-gabcdef-dirty_linux_amd64.tar.gz", "abcdef1": "slipway_abcdef1_linux_amd64.tar.gz",
	} {
		version, err := plain(tag)
		if got := archiveName(version, "linux", "amd64"); err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", tag, got, err, want)
		}
	}
	for _, bad := range []string{"", "../x", "1 2", "-x"} {
		if v, err := plain(bad); err == nil {
			t.Errorf("version %q is taken as %q", bad, v)
		}
	}
}

func TestTheSameBinaryGivesTheSameArchive(t *testing.T) {
	t.Parallel()
	binary := bytes.Repeat([]byte("slipway"), 1000)
	one, err := pack(binary)
	if err != nil {
		t.Fatal(err)
	}
	two, err := pack(binary)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("two archives differ (%v)", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(one))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(z)
	head, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	inside, err := io.ReadAll(r)
	if err != nil || head.Name != "slipway" || head.FileInfo().Mode().Perm() != 0o755 || !bytes.Equal(inside, binary) || head.Uid != 0 {
		t.Errorf("the archive has %+v, %d bytes (%v)", head, len(inside), err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("there is more in the archive: %v", err)
	}
}
