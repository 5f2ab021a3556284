package lambda_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestZipFilesThatReachOutOrCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, nil)
	const noZip = "Could not unzip uploaded file. Please check your file, then try to upload again."
	zeros := strings.Repeat("\x00", 1<<20)
	var bomb []entry
	for i := range 251 {
		bomb = append(bomb, entry{name: "zeros" + string(rune('a'+i%26)) + strings.Repeat("x", i/26), text: zeros})
	}
	whole := code(t, "one")
	corrupt := append([]byte(nil), whole...)
	for i := 40; i < 60; i++ {
		corrupt[i] ^= 0xff
	}
	for _, c := range []struct {
		what, message string
		zip           []byte
	}{
		{"no zip", noZip, []byte("hello")},
		{"a zip cut short", noZip, whole[:len(whole)/2]},
		{"a corrupt zip", noZip, corrupt},
		{"an empty zip", "Uploaded file must be a non-empty zip", zipOf(t)},
		{"directories alone", "Uploaded file must be a non-empty zip", zipOf(t, entry{"dir/", "", 0})},
		{"a way up", noZip, zipOf(t, entry{"../evil", "x", 0})},
		{"a way up inside", noZip, zipOf(t, entry{"a/../../evil", "x", 0})},
		{"a way up with backslashes", noZip, zipOf(t, entry{`..\evil`, "x", 0})},
		{"an absolute path", noZip, zipOf(t, entry{"/tmp/evil", "x", 0})},
		{"a drive", noZip, zipOf(t, entry{"C:/evil", "x", 0})},
		{"an absolute link", noZip, zipOf(t, entry{"link", "/etc/passwd", fs.ModeSymlink | 0o777})},
		{"a link that leads up", noZip, zipOf(t, entry{"a/link", "../../x", fs.ModeSymlink | 0o777})},
		{"a file through a link", noZip, zipOf(t, entry{"a", "..", fs.ModeSymlink | 0o777}, entry{"a/evil", "x", 0})},
		{"two links that together lead up", noZip, zipOf(t, entry{"d/e/f", "x", 0}, entry{"l", "d/e", fs.ModeSymlink | 0o777}, entry{"l/out", "../../../x", fs.ModeSymlink | 0o777})},
		{"a device", noZip, zipOf(t, entry{"dev", "", fs.ModeDevice | 0o600})},
		{"a bomb", "Unzipped size must be smaller than 262144000 bytes", zipOf(t, bomb...)},
	} {
		_, err := w.CreateFunction(t.Context(), &client.CreateFunctionInput{
			FunctionName: aws.String("f"), Role: aws.String(role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("h"), Code: &types.FunctionCode{ZipFile: c.zip},
		})
		t.Log(c.what)
		refused(t, err, "InvalidParameterValueException", c.message)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (strings.Contains(path, "evil") || strings.Contains(path, "functions/code")) {
			t.Errorf("a refused zip left %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesKeepTheirModesAndLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, nil)
	_, err := w.CreateFunction(t.Context(), &client.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: aws.String(role), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("h"), Code: &types.FunctionCode{ZipFile: zipOf(t,
			entry{"bootstrap", "#!/bin/sh\n", 0}, entry{"bin/tool", "x", 0o755}, entry{"lib/data", "y", 0o444}, entry{"lib/link", "../bin/tool", fs.ModeSymlink | 0o777})},
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "functions", "code", "*", "bootstrap"))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	root := filepath.Dir(found[0])
	for name, mode := range map[string]fs.FileMode{"bootstrap": 0o755, "bin/tool": 0o755, "lib/data": 0o444, "lib/link": 0o755} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: got %v, %v; want %v", name, info, err, mode)
		}
	}
}
