// Package logs is the local cloud's CloudWatch Logs: groups and streams as rows, events in
// append-only files, one a stream, with an index by time in memory.
//
// The rows live in internal time as all rows do. Events live in the wall's time, in milliseconds:
// what a client or a container said comes back the same at any speed. Requests and answers carry
// internal time, which the wire translates; see Service.wall and Service.internal.
//
// Read tape first: it is where events are.
package logs

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// Options make the room.
type Options struct {
	IDs *ids.Source
	Dir string       // where events are kept; empty keeps them in memory, all of them
	Log *slog.Logger // nil drops what would be said

	// Wall turns an internal time into one of the wall, Internal the other way; nil keeps it.
	Wall, Internal func(time.Time) time.Time
}

// Group is the row of a log group, by ARN.
type Group struct {
	ARN, Name, Class, KMSKey string
	RetentionDays            int32 // 0 keeps events for ever
	Protected                bool  // from deletion
	Tags                     map[string]string
	Created                  time.Time
	Swept                    time.Time // when old events were forgotten last
}

// Stream is the row of a log stream, by ARN: the group's, ":log-stream:" and the name.
type Stream struct {
	ARN, Group, Name string // Group is an ARN
	File             string // 32 hexadecimal digits: what the file is called
	Created          time.Time
}

// Service is the room "logs". Make one with New.
type Service struct {
	o       Options
	store   *store.Store
	groups  *store.Table[Group]
	streams *store.Table[Stream]
	tapes   *library
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
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Service{
		o:       o,
		groups:  store.NewTable("logs.groups", func(g *Group) string { return g.ARN }),
		streams: store.NewTable("logs.streams", func(s *Stream) string { return s.ARN }, store.One("file", func(s *Stream) string { return s.File })),
		tapes:   &library{dir: o.Dir, log: o.Log, tapes: map[string]*tape{}},
	}
}

// Attach gives the room the store that was opened with its tables, and removes files of streams
// that were deleted just before a kill.
func (s *Service) Attach(st *store.Store) {
	s.store = st
	err := s.Forget()
	if err != nil {
		s.o.Log.Warn("files of deleted log streams cannot be removed", "dir", s.o.Dir, "err", err)
	}
}

// Close waits for writes under way and refuses further ones. Nothing is lost without it.
func (s *Service) Close() error {
	s.tapes.close()
	return nil
}

// Name is the signing name.
func (s *Service) Name() string { return "logs" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any { return []store.Any{s.groups, s.streams} }

// Keepers forget events that are older than their group keeps them.
func (s *Service) Keepers() []cloud.Keeper { return []cloud.Keeper{&retention{s}} }

// Wire has the operations served.
func (s *Service) Wire() *wire.Service {
	w := wire.NewJSON("logs", "Logs_20140328", "1.1").Required(func(_, member string) error {
		return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
	}).Unlisted(func(u wire.Unlisted) error { return invalid("%s", u.Words()) })
	wire.Op(w, s.CreateLogGroup)
	wire.Op(w, s.DeleteLogGroup)
	wire.Op(w, s.DescribeLogGroups)
	wire.Op(w, s.PutRetentionPolicy)
	wire.Op(w, s.DeleteRetentionPolicy)
	wire.Op(w, s.PutLogGroupDeletionProtection)
	wire.Op(w, s.CreateLogStream)
	wire.Op(w, s.DeleteLogStream)
	wire.Op(w, s.DescribeLogStreams)
	wire.Op(w, s.PutLogEvents)
	wire.Op(w, s.GetLogEvents)
	wire.Op(w, s.FilterLogEvents)
	wire.Op(w, s.TagResource)
	wire.Op(w, s.UntagResource)
	wire.Op(w, s.ListTagsForResource)
	wire.Op(w, s.TagLogGroup)
	wire.Op(w, s.UntagLogGroup)
	wire.Op(w, s.ListTagsLogGroup)
	return w
}

// wall gives the wall's time of an internal one, both in milliseconds. Either translation is to the
// nearest, as on the wire: so a time makes its way there and back unchanged.
func (s *Service) wall(internal int64) int64 {
	return s.o.Wall(time.UnixMilli(internal)).Round(time.Millisecond).UnixMilli()
}

// internal is the other way.
func (s *Service) internal(wall int64) int64 {
	return s.o.Internal(time.UnixMilli(wall)).Round(time.Millisecond).UnixMilli()
}

// longestName is how many bytes the name of a group or stream has at most.
const longestName = 512

var groupName = names.Text{Min: 1, Max: longestName, Of: "._/#A-Za-z0-9-"}

func checkGroup(name string) error {
	if groupName.MatchString(name) {
		return nil
	}
	return invalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
}

func checkStream(name string) error {
	if len(name) >= 1 && len(name) <= longestName && !strings.ContainsAny(name, ":*") {
		return nil
	}
	return invalid("1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", name)
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missing(what string) error {
	return &types.ResourceNotFoundException{Message: aws.String("The specified log " + what + " does not exist.")}
}

func groupARN(scope names.Scope, name string) string { return scope.ARN("logs", "log-group:"+name) }

const streamPart = ":log-stream:"

// group finds a group by its ARN.
func (s *Service) group(tx *store.Tx, arn string) (Group, error) {
	g, ok := s.groups.Get(tx, arn)
	if !ok {
		return g, missing("group")
	}
	return g, nil
}

// stream finds a stream of a group.
func (s *Service) stream(tx *store.Tx, group, name string) (Stream, error) {
	if _, err := s.group(tx, group); err != nil {
		return Stream{}, err
	}
	m, ok := s.streams.Get(tx, group+streamPart+name)
	if !ok {
		return m, missing("stream")
	}
	return m, nil
}
