package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-ecs/slipway/internal/cloud/s3"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

const account = "123456789012"

var here = names.Scope{Account: account, Region: "us-east-1"}

// world is a room behind a gateway that checks signatures.
type world struct {
	*client.Client
	room *s3.Service
	http *http.Client // reaches the server whatever the host is
	url  string
}

// serve opens a room over what a directory holds; end closes it.
func serve(t *testing.T, dir string) (w world, end func()) {
	t.Helper()
	room := s3.New(s3.Options{IDs: ids.Random(), Dir: filepath.Join(dir, "s3")})
	st, err := store.Open(store.Options{Verify: true, Path: filepath.Join(dir, "state.db")}, room.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	room.Attach(st)
	server := httptest.NewServer(wire.NewGateway(wire.GatewayOptions{
		Account: func(string) string { return account },
		Keys:    func(key string) (string, bool) { return "secret", key == "GOOD" },
	}, room.Wire()))
	to := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}}}
	w = world{Client: clientOf(server.URL, "GOOD", "secret", to, true), room: room, http: to, url: server.URL}
	return w, func() {
		to.CloseIdleConnections()
		server.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

func clientOf(url, key, secret string, to *http.Client, path bool) *client.Client {
	return client.New(client.Options{BaseEndpoint: &url, Region: "us-east-1", HTTPClient: to, UsePathStyle: path, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, "")})
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func put(t *testing.T, w world, bucket, key, body string) *client.PutObjectOutput {
	t.Helper()
	out, err := w.PutObject(t.Context(), &client.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func bucket(t *testing.T, w world, name string) {
	t.Helper()
	if _, err := w.CreateBucket(t.Context(), &client.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatWasAcknowledgedIsThereAfterARestartAndStrayFilesAreNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, end := serve(t, dir)
	bucket(t, w, "kept")
	put(t, w, "kept", "old", "one")
	put(t, w, "kept", "old", "two")
	put(t, w, "kept", "gone", "three")
	if _, err := w.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: aws.String("kept"), Key: aws.String("gone")}); err != nil {
		t.Fatal(err)
	}
	if n := files(t, filepath.Join(dir, "s3")); n != 1 {
		t.Errorf("files of one object: got %d", n)
	}
	end()
	// What a kill between a file and its row leaves, and one in the middle of a body.
	for _, name := range []string{"new-123", filepath.Join("ab", strings.Repeat("ab", 16))} {
		path := filepath.Join(dir, "s3", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	w, end = serve(t, dir)
	defer end()
	body, etag, err := w.room.Object(here, "kept", "old", "")
	if err != nil || string(body) != "two" || etag != fmt.Sprintf("%x", md5.Sum([]byte("two"))) {
		t.Errorf("after a restart: got %q %s, %v", body, etag, err)
	}
	if n := files(t, filepath.Join(dir, "s3")); n != 1 {
		t.Errorf("files after a restart: got %d, want 1", n)
	}
}

func TestOtherRoomsReadObjectsByVersionAndGetS3sErrors(t *testing.T) {
	t.Parallel()
	w, end := serve(t, t.TempDir())
	defer end()
	bucket(t, w, "specs")
	if _, err := w.PutBucketVersioning(t.Context(), &client.PutBucketVersioningInput{Bucket: aws.String("specs"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	first := put(t, w, "specs", "app.yaml", "1")
	put(t, w, "specs", "app.yaml", "2")
	put(t, w, "specs", "large", strings.Repeat("x", 5<<20))
	for _, c := range []struct{ account, bucket, key, version, body, code string }{
		{account, "specs", "app.yaml", "", "2", ""},
		{account, "specs", "app.yaml", *first.VersionId, "1", ""},
		{account, "specs", "app.yaml", "nope", "", "NoSuchVersion"},
		{account, "specs", "none", "", "", "NoSuchKey"},
		{account, "none", "none", "", "", "NoSuchBucket"},
		{"210987654321", "specs", "app.yaml", "", "", "AccessDenied"},
		{account, "specs", "large", "", "", "EntityTooLarge"},
	} {
		body, _, err := w.room.Object(names.Scope{Account: c.account}, c.bucket, c.key, c.version)
		if string(body) != c.body || code(err) != c.code {
			t.Errorf("%+v: got %q, %v", c, body, err)
		}
		if own, ok := errors.AsType[*wire.Error](err); c.code != "" && (!ok || own.Code != c.code) {
			t.Errorf("%+v: the error is no *wire.Error: %v", c, err)
		}
	}
}

func TestBucketsAreFoundInHostNamesAsInPaths(t *testing.T) {
	t.Parallel()
	w, end := serve(t, t.TempDir())
	defer end()
	bucket(t, w, "hosted.by-name")
	put(t, w, "hosted.by-name", "a b/ü", "hello")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.url, "http://"))
	for _, host := range []string{"localhost", "s3.localhost", "s3.us-east-1.localhost"} {
		c := clientOf("http://"+host+":"+port, "GOOD", "secret", w.http, false)
		got, err := c.GetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("hosted.by-name"), Key: aws.String("a b/ü")})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if body, err := io.ReadAll(got.Body); err != nil || string(body) != "hello" {
			t.Errorf("%s: got %q, %v", host, body, err)
		}
	}
}

func TestLinksAreVerifiedAndOnlyForWhatTheyName(t *testing.T) {
	t.Parallel()
	w, end := serve(t, t.TempDir())
	defer end()
	bucket(t, w, "links")
	put(t, w, "links", "a", "hello")
	link, err := client.NewPresignClient(w.Client).PresignGetObject(t.Context(), &client.GetObjectInput{Bucket: aws.String("links"), Key: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, want string
		status    int
	}{
		{link.URL, "hello", 200},
		{strings.Replace(link.URL, "/links/a", "/links/b", 1), "<Code>SignatureDoesNotMatch</Code>", 403},
		{strings.Replace(link.URL, "X-Amz-Expires=900", "X-Amz-Expires=9000", 1), "<Code>SignatureDoesNotMatch</Code>", 403},
		{strings.Replace(link.URL, "GOOD", "BAD", 1), "<Code>InvalidAccessKeyId</Code>", 403},
		{w.url + "/links/a", "<Code>AccessDenied</Code>", 403},
	} {
		res, err := w.http.Get(c.url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: got %d %s, %v; want %d %s", c.url, res.StatusCode, body, err, c.status, c.want)
		}
	}
	wrong := clientOf(w.url, "GOOD", "wrong", w.http, true)
	if _, err := wrong.ListBuckets(t.Context(), nil); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("a wrong secret: got %v", err)
	}
}

func TestAnUploadIsItsPartsAndNothingIsLeftOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, end := serve(t, dir)
	defer end()
	bucket(t, w, "parts")
	name, key := aws.String("parts"), aws.String("whole")
	up, err := w.CreateMultipartUpload(t.Context(), &client.CreateMultipartUploadInput{Bucket: name, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
	if err != nil {
		t.Fatal(err)
	}
	var done []types.CompletedPart
	for n, body := range [][]byte{bytes.Repeat([]byte("a"), 5<<20), []byte("thrown away"), []byte("tail")} {
		part, err := w.UploadPart(t.Context(), &client.UploadPartInput{Bucket: name, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(n + 1)), Body: bytes.NewReader(body), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
		if err != nil {
			t.Fatal(err)
		}
		if n != 1 {
			done = append(done, types.CompletedPart{ETag: part.ETag, PartNumber: aws.Int32(int32(n + 1)), ChecksumCRC32C: part.ChecksumCRC32C})
		}
	}
	out, err := w.CompleteMultipartUpload(t.Context(), &client.CompleteMultipartUploadInput{Bucket: name, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(*out.ETag, `-2"`) || !strings.HasSuffix(aws.ToString(out.ChecksumCRC32C), "-2") {
		t.Errorf("complete: got %s, %s", *out.ETag, aws.ToString(out.ChecksumCRC32C))
	}
	got, err := w.GetObject(t.Context(), &client.GetObjectInput{Bucket: name, Key: key, Range: aws.String("bytes=5242878-5242881")})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(got.Body); err != nil || string(body) != "aata" || *got.ContentRange != "bytes 5242878-5242881/5242884" {
		t.Errorf("over the seam: got %q %s, %v", body, *got.ContentRange, err)
	}
	if n := files(t, filepath.Join(dir, "s3")); n != 2 {
		t.Errorf("files: got %d, want the two parts of the object", n)
	}
}

func TestABodyCutShortIsNoObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, end := serve(t, dir)
	bucket(t, w, "cut")
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	link, err := client.NewPresignClient(w.Client).PresignPutObject(t.Context(), &client.PutObjectInput{Bucket: aws.String("cut"), Key: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(w.url, "http://")
	path := strings.TrimPrefix(link.URL, w.url)
	if _, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\n\r\nhalf", path, host); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "IncompleteBody") {
		t.Errorf("answer: got %s, %v", answer, err)
	}
	if _, _, err := w.room.Object(here, "cut", "a", ""); code(err) != "NoSuchKey" {
		t.Errorf("the object: got %v", err)
	}
	end()
	if n := files(t, filepath.Join(dir, "s3")); n != 0 {
		t.Errorf("files: got %d, want none", n)
	}
}
