package wire

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The refusals of bodies, in S3's words.
var (
	errCutShort = &Error{Code: "IncompleteBody", Status: 400, Message: "The request body terminated unexpectedly"}
	errBodyHash = &Error{Code: "XAmzContentSHA256Mismatch", Status: 400, Message: "The provided 'x-amz-content-sha256' header does not match what was computed."}
	errChunk    = &Error{Code: "SignatureDoesNotMatch", Status: 403, Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	errTrailer  = &Error{Code: "MalformedTrailerError", Status: 400, Message: "The request contained trailing data that was not well-formed or did not conform to our published schema."}
	errFrame    = &Error{Code: "InvalidRequest", Status: 400, Message: "The body is not framed as aws-chunked says"}
)

// unframe makes a request's body what was meant: aws-chunked framing is taken off, and reading it
// fails where it is not what the header x-amz-content-sha256 promises. An empty secret checks no
// signatures of chunks.
func unframe(r *http.Request, s signature, hash, secret string) {
	whole := &wholeBody{r: r.Body, left: r.ContentLength}
	switch {
	case strings.HasPrefix(hash, "STREAMING-"):
		c := &chunkedBody{r: bufio.NewReader(whole), left: -1, trailer: http.Header{}, sum: sha256.New()}
		if n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
			c.left, r.ContentLength = n, n
		} else {
			r.ContentLength = -1
		}
		if secret != "" && strings.HasPrefix(hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
			c.previous, c.key, c.stamp = s.value, s.signingKey(secret), s.stampOf(r)
			c.scope = s.date + "/" + s.region + "/" + s.service + "/aws4_request"
		}
		r.Body, r.Trailer = struct {
			io.Reader
			io.Closer
		}{c, r.Body}, c.trailer
	case len(hash) == 2*sha256.Size:
		r.Body = struct {
			io.Reader
			io.Closer
		}{&hashedBody{r: whole, want: strings.ToLower(hash), sum: sha256.New()}, r.Body}
	default:
		r.Body = struct {
			io.Reader
			io.Closer
		}{whole, r.Body}
	}
	if e := r.Header.Get("Content-Encoding"); e != "" {
		if rest := withoutChunked(e); rest == "" {
			r.Header.Del("Content-Encoding")
		} else {
			r.Header.Set("Content-Encoding", rest)
		}
	}
}

// wholeBody fails where a body ends before its Content-Length.
type wholeBody struct {
	r    io.Reader
	left int64 // -1 where no length was given
}

func (b *wholeBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && b.left > 0 {
		err = errCutShort
	}
	return n, err
}

// hashedBody fails at its end where its SHA-256 is another than promised.
type hashedBody struct {
	r    io.Reader
	want string
	sum  hash.Hash
}

func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(b.sum.Sum(nil)) != b.want {
		err = errBodyHash
	}
	return n, err
}

// chunkedBody takes aws-chunked framing off: size;chunk-signature=…, data, …, 0, trailers.
//
// Source: S3 API reference, "Signature calculations for chunked uploads", with and without trailers.
type chunkedBody struct {
	r       *bufio.Reader
	left    int64 // of the decoded length, -1 where none was given
	chunk   int64 // of the chunk being read
	begun   bool  // a chunk is being read
	signed  string
	sum     hash.Hash
	trailer http.Header
	end     error

	key                    []byte // nil checks no signatures
	previous, stamp, scope string
}

func (b *chunkedBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.read(p)
	if err != nil {
		b.end = err
	}
	return n, err
}

func (b *chunkedBody) read(p []byte) (int, error) {
	if b.chunk == 0 {
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > b.chunk {
		p = p[:b.chunk]
	}
	n, err := b.r.Read(p)
	b.sum.Write(p[:n])
	b.chunk -= int64(n)
	if b.left >= 0 {
		if b.left -= int64(n); b.left < 0 {
			return n, errCutShort
		}
	}
	if errors.Is(err, io.EOF) {
		err = errCutShort
	}
	return n, err
}

// next ends the chunk that was read and begins another; io.EOF after the last.
func (b *chunkedBody) next() error {
	if b.begun {
		if line, err := b.line(); err != nil || line != "" {
			return either(err, errFrame)
		}
		if err := b.verify(); err != nil {
			return err
		}
	}
	line, err := b.line()
	if err != nil {
		return err
	}
	size, rest, _ := strings.Cut(line, ";")
	n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 63)
	if err != nil || n < 0 {
		return errFrame
	}
	_, b.signed, _ = strings.Cut(rest, "chunk-signature=")
	b.begun, b.chunk = true, n
	b.sum.Reset()
	if n > 0 {
		return nil
	}
	if err := b.verify(); err != nil {
		return err
	}
	if err := b.trailers(); err != nil {
		return err
	}
	if b.left > 0 {
		return errCutShort
	}
	return io.EOF
}

// trailers reads the lines after the last chunk, up to an empty one or the body's end.
func (b *chunkedBody) trailers() error {
	var signed bytes.Buffer
	signature := ""
	for {
		line, err := b.line()
		if errors.Is(err, errCutShort) && line == "" || err == nil && line == "" {
			break
		}
		if err != nil {
			return err
		}
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			return errTrailer
		}
		k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
		if k == "x-amz-trailer-signature" {
			signature = v
			continue
		}
		signed.WriteString(k + ":" + v + "\n")
		b.trailer.Set(k, v)
	}
	if b.key == nil || signed.Len() == 0 {
		return nil
	}
	sum := sha256.Sum256(signed.Bytes())
	text := algorithm + "-TRAILER\n" + b.stamp + "\n" + b.scope + "\n" + b.previous + "\n" + hex.EncodeToString(sum[:])
	if hex.EncodeToString(mac(b.key, text)) != signature {
		return errChunk
	}
	return nil
}

// verify checks the signature of the chunk just read.
func (b *chunkedBody) verify() error {
	if b.key == nil {
		return nil
	}
	none := sha256.Sum256(nil)
	text := algorithm + "-PAYLOAD\n" + b.stamp + "\n" + b.scope + "\n" + b.previous + "\n" + hex.EncodeToString(none[:]) + "\n" + hex.EncodeToString(b.sum.Sum(nil))
	if b.previous = hex.EncodeToString(mac(b.key, text)); b.previous != b.signed {
		return errChunk
	}
	return nil
}

// longestLine bounds the lines between chunks, trailers among them.
const longestLine = 4096

func (b *chunkedBody) line() (string, error) {
	var text []byte
	for len(text) < longestLine {
		c, err := b.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return string(text), errCutShort
		}
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return strings.TrimSuffix(string(text), "\r"), nil
		}
		text = append(text, c)
	}
	return "", errFrame
}

func either(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
