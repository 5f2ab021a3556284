package s3

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strings"
	"sync"
)

// castagnoli and nvme make the tables of two checksums when they are first needed.
var (
	castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })
	nvme       = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(0x9a6c9329ac4bc9b5) })
)

// algorithm is a checksum that objects may have.
type algorithm struct {
	name string // as XML has it
	make func() hash.Hash
}

// algorithms are those S3 knows and can be computed here; the xxHash family is kept as it is sent.
//
// Source: S3 user guide, "Checking object integrity".
var algorithms = []algorithm{
	{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
	{"CRC32C", func() hash.Hash { return crc32.New(castagnoli()) }},
	{"CRC64NVME", func() hash.Hash { return crc64.New(nvme()) }},
	{"SHA1", sha1.New},
	{"SHA256", sha256.New},
	{"SHA512", sha512.New},
	{"MD5", md5.New},
}

// unchecked are the algorithms whose checksums are believed.
var unchecked = []string{"XXHASH64", "XXHASH3", "XXHASH128"}

// usual is the checksum S3 computes where the client sends none.
const usual = "CRC64NVME"

const (
	composite  = "COMPOSITE"
	fullObject = "FULL_OBJECT"
)

func algorithmOf(name string) (algorithm, bool) {
	for _, a := range algorithms {
		if a.name == name {
			return a, true
		}
	}
	return algorithm{}, false
}

func headerOf(algorithm string) string { return "X-Amz-Checksum-" + strings.ToLower(algorithm) }

// intake is what is computed of a body on its way, and what its sender said it would be.
type intake struct {
	h        http.Header
	trailer  http.Header
	md5      hash.Hash
	sums     map[string]hash.Hash
	promised string // Content-MD5
}

// take prepares for a request's body. Where the client names no checksum, the usual one is computed.
func take(r *http.Request, named string) (*intake, error) {
	in := &intake{h: r.Header, trailer: r.Trailer, md5: md5.New(), sums: map[string]hash.Hash{}}
	if text := r.Header.Get("Content-Md5"); text != "" {
		sum, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(sum) != md5.Size {
			return nil, refusal(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", text)
		}
		in.promised = text
	}
	trailers := strings.ToLower(r.Header.Get("X-Amz-Trailer"))
	for _, a := range algorithms {
		name := headerOf(a.name)
		if sent := r.Header.Get(name); sent != "" {
			if sum, err := base64.StdEncoding.DecodeString(sent); err != nil || len(sum) != a.make().Size() {
				return nil, refusal(400, "InvalidRequest", "Value for "+strings.ToLower(name)+" header is invalid.")
			}
		} else if !listed(trailers, name) && a.name != named {
			continue
		}
		in.sums[a.name] = a.make()
	}
	if len(in.sums) == 0 {
		a, _ := algorithmOf(usual)
		in.sums[usual] = a.make()
	}
	return in, nil
}

// listed reports whether a list of header names has one.
func listed(list, name string) bool {
	for n := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return true
		}
	}
	return false
}

// Write takes a piece of the body.
func (in *intake) Write(p []byte) (int, error) {
	in.md5.Write(p)
	for _, h := range in.sums { // each by itself: the order does not matter
		h.Write(p)
	}
	return len(p), nil
}

// check compares what came with what was promised, after the body's end. It gives the ETag and the
// checksums by algorithm.
func (in *intake) check() (etag string, sums map[string]string, err error) {
	sum := in.md5.Sum(nil)
	if got := base64.StdEncoding.EncodeToString(sum); in.promised != "" && got != in.promised {
		return "", nil, refusal(400, "BadDigest", "The Content-MD5 you specified did not match what we received.", "ExpectedDigest", in.promised, "CalculatedDigest", got)
	}
	sums = map[string]string{}
	for _, a := range algorithms {
		h := in.sums[a.name]
		if h == nil {
			continue
		}
		got := base64.StdEncoding.EncodeToString(h.Sum(nil))
		for _, from := range []http.Header{in.h, in.trailer} {
			if sent := from.Get(headerOf(a.name)); sent != "" && sent != got {
				return "", nil, refusal(400, "BadDigest", "The "+a.name+" you specified did not match the calculated checksum.")
			}
		}
		sums[a.name] = got
	}
	for _, name := range unchecked {
		for _, from := range []http.Header{in.h, in.trailer} {
			if sent := from.Get(headerOf(name)); sent != "" {
				sums[name] = sent
				delete(sums, usual)
			}
		}
	}
	return hex.EncodeToString(sum), sums, nil
}

// sumOf computes a checksum of a whole body.
func sumOf(name string, r io.Reader) (string, error) {
	a, ok := algorithmOf(name)
	if !ok {
		return "", nil
	}
	h := a.make()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// tellSums writes an object's checksums into headers.
func tellSums(h http.Header, v Version) {
	for name, sum := range v.Checksums { // into headers: the order does not matter
		h.Set(headerOf(name), sum)
	}
	if len(v.Checksums) > 0 {
		h.Set("X-Amz-Checksum-Type", sumType(v))
	}
}

func sumType(v Version) string {
	if v.About.SumType == composite {
		return composite
	}
	return fullObject
}
