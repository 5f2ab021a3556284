// Command release builds what a release has: one archive a platform with the static binary in
// it, and the checksums of all. The same commit gives the same bytes, wherever it is built.
//
// Names are what action/install downloads. It refuses a binary that is too large. Run it by
// `make release`.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// largest is how large a binary may be.
const largest = 40 << 20

// everywhere are the platforms of a release.
const everywhere = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64"

// stamp is the variable that holds a release's version.
const stamp = "github.com/slipway-ecs/slipway/internal/build.release"

func main() {
	version := flag.String("version", "", "version, as v1.2.3 (default: as git describes the commit)")
	out := flag.String("out", "dist", "folder for the archives")
	platforms := flag.String("platforms", everywhere, "what to build for")
	flag.Parse()
	if err := run(context.Background(), *version, *out, strings.Split(*platforms, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, out string, platforms []string) error {
	if version == "" {
		said, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty").Output()
		if err != nil {
			return fmt.Errorf("ask git for the version (or give -version): %w", err)
		}
		version = strings.TrimSpace(string(said))
	}
	version, err := plain(version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums strings.Builder
	for _, p := range platforms {
		goos, goarch, ok := strings.Cut(p, "/")
		if !ok {
			return fmt.Errorf("platform %q is not OS/ARCH", p)
		}
		binary, err := build(ctx, version, goos, goarch)
		if err != nil {
			return err
		}
		if len(binary) > largest {
			return fmt.Errorf("the binary for %s has %d bytes, more than %d", p, len(binary), largest)
		}
		archive, err := pack(binary)
		if err != nil {
			return err
		}
		name := archiveName(version, goos, goarch)
		if err := os.WriteFile(filepath.Join(out, name), archive, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive), name)
		fmt.Printf("%s: binary %.1f MiB, archive %.1f MiB\n", name, float64(len(binary))/(1<<20), float64(len(archive))/(1<<20))
	}
	return os.WriteFile(filepath.Join(out, "checksums.txt"), []byte(sums.String()), 0o644)
}

var safe = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]*$`)

// plain gives a version as it stands in names, without the v of a tag.
func plain(version string) (string, error) {
	if len(version) > 1 && version[0] == 'v' && version[1] >= '0' && version[1] <= '9' {
		version = version[1:]
	}
	if !safe.MatchString(version) {
		return "", fmt.Errorf("version %q has more than letters, digits, dots, + and -", version)
	}
	return version, nil
}

// archiveName gives an archive's name.
func archiveName(version, goos, goarch string) string {
	return fmt.Sprintf("slipway_%s_%s_%s.tar.gz", version, goos, goarch)
}

// build gives the binary for a platform.
func build(ctx context.Context, version, goos, goarch string) (binary []byte, err error) {
	dir, err := os.MkdirTemp("", "slipway-release")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "slipway")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X "+stamp+"="+version, "-o", file, "./cmd/slipway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build for %s/%s: %w", goos, goarch, err)
	}
	return os.ReadFile(file)
}

// pack gives an archive of the binary alone that depends on nothing but its bytes.
func pack(binary []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	head := &tar.Header{Name: "slipway", Mode: 0o755, Size: int64(len(binary)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := t.WriteHeader(head); err != nil {
		return nil, err
	}
	if _, err := t.Write(binary); err != nil {
		return nil, err
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
