// Package s3 is the local cloud's Amazon S3: buckets, objects with versions, multipart uploads, and
// the records about buckets that tools read back. Addresses of both forms are understood, the
// bucket in the path or in the host name.
//
// S3 speaks HTTP's own language rather than a protocol of package wire, which hands it requests whose
// signature is checked and whose body is plain (wire.HTTP). Bodies are files, never held in memory; a
// file is whole and has its name before the row that names it is written, so what was acknowledged
// survives a kill, and files that no row names are removed at the next start.
//
// Source: S3 API reference and user guide. Read Version in rows.go, then dispatch.
package s3

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room.
type Options struct {
	IDs   *ids.Source
	Dir   string       // where bodies are kept
	Fsync bool         // sync each body to disk
	Log   *slog.Logger // nil drops what would be said

	// Wall turns an internal time into one of the wall, Internal the other way; nil keeps it.
	Wall, Internal func(time.Time) time.Time
}

// Service is the room "s3". Make one with New.
type Service struct {
	o        Options
	store    *store.Store
	disk     *disk
	buckets  *store.Table[Bucket]
	versions *store.Table[Version]
	uploads  *store.Table[Upload]
	parts    *store.Table[Part]
}

// New makes the room; Attach gives it its store.
func New(o Options) *Service {
	same := func(at time.Time) time.Time { return at }
	if o.Wall == nil {
		o.Wall = same
	}
	if o.Internal == nil {
		o.Internal = same
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		o: o, disk: &disk{dir: o.Dir, sync: o.Fsync, ids: o.IDs, log: o.Log},
		buckets:  store.NewTable("s3.buckets", func(b *Bucket) string { return b.Name }),
		versions: store.NewTable("s3.versions", (*Version).row),
		uploads:  store.NewTable("s3.uploads", func(u *Upload) string { return u.ID }, store.One("bucket", func(u *Upload) string { return u.Bucket })),
		parts:    store.NewTable("s3.parts", (*Part).row),
	}
}

// Attach gives the room the store that was opened with its tables, and removes bodies that no row
// names: a kill came between the file and its row, or between the row's end and the file's.
func (s *Service) Attach(st *store.Store) {
	s.store = st
	named := map[string]bool{}
	err := st.View(func(tx *store.Tx) error {
		for v := range s.versions.All(tx) {
			for _, g := range v.Body {
				named[g.File] = true
			}
		}
		for p := range s.parts.All(tx) {
			named[p.Body.File] = true
		}
		return nil
	})
	if err == nil {
		err = s.disk.sweep(named)
	}
	if err != nil {
		s.o.Log.Warn("bodies of deleted objects cannot be removed", "dir", s.o.Dir, "err", err)
	}
}

// Name is the signing name.
func (s *Service) Name() string { return "s3" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any {
	return []store.Any{s.buckets, s.versions, s.uploads, s.parts}
}

// Keepers are none: nothing happens to an object by itself.
func (s *Service) Keepers() []cloud.Keeper { return nil }

// Wire takes what is signed for S3, and unsigned requests whose host or path names a bucket.
func (s *Service) Wire() *wire.Service {
	return wire.NewHTTP("s3", wire.HTTP{Claims: s.claims, Resource: resource, Serve: s.serve, Refuse: refuse})
}

func (s *Service) claims(r *http.Request) bool {
	bucket, _ := address(r)
	if _, host := hostBucket(r.Host); host && bucket != "" {
		return true
	}
	there := false
	_ = s.store.View(func(tx *store.Tx) error { // gives no error
		_, there = s.buckets.Get(tx, bucket)
		return nil
	})
	return there
}

// largestObject bounds what Object gives, in bytes.
const largestObject = 4 << 20

// Object gives the body and the ETag of an object, the ETag without its quotes; an empty version is
// the latest. It is a port for rooms that read what people uploaded. Errors are S3's
// (NoSuchBucket, NoSuchKey, NoSuchVersion, AccessDenied), as *wire.Error, and EntityTooLarge for more than 4 MiB.
func (s *Service) Object(scope names.Scope, bucket, key, version string) (body []byte, etag string, err error) {
	return s.ObjectUpTo(largestObject, scope, bucket, key, version)
}

// ObjectUpTo is Object with a bound of the caller's, in bytes.
func (s *Service) ObjectUpTo(most int64, scope names.Scope, bucket, key, version string) (body []byte, etag string, err error) {
	v, f, err := s.open(scope.Account, bucket, key, version)
	if err != nil {
		return nil, "", err
	}
	defer f.close()
	if v.Size > most {
		return nil, "", refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	body, err = io.ReadAll(f.reader(0, v.Size))
	return body, v.ETag, err
}

// open finds a version that is no delete marker and opens its body. It looks again where the body
// went between the two.
func (s *Service) open(account, bucket, key, id string) (v Version, f *opened, err error) {
	for range 3 {
		err = s.store.View(func(tx *store.Tx) error {
			b, err := s.bucket(tx, account, bucket)
			if err != nil {
				return err
			}
			v, err = s.find(tx, b, key, id)
			return err
		})
		if err != nil {
			return v, nil, err
		}
		if f, err = s.disk.open(v.Body); err == nil {
			return v, f, nil
		}
	}
	return v, nil, err
}
