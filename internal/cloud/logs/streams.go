package logs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/store"
)

// sequence is what is given as every sequence token: since 2023 they are not looked at.
const sequence = "49039859596331213130000000000000000000000000000000000000"

// CreateLogStream makes a stream.
func (s *Service) CreateLogStream(ctx context.Context, in *logs.CreateLogStreamInput) (*logs.CreateLogStreamOutput, error) {
	name := aws.ToString(in.LogStreamName)
	if err := checkStream(name); err != nil {
		return nil, err
	}
	return &logs.CreateLogStreamOutput{}, s.store.Update(func(tx *store.Tx) error {
		g, err := s.group(tx, groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName)))
		if err != nil {
			return err
		}
		if _, taken := s.streams.Get(tx, g.ARN+streamPart+name); taken {
			return &types.ResourceAlreadyExistsException{Message: aws.String("The specified log stream already exists")}
		}
		s.add(tx, g.ARN, name)
		return nil
	})
}

func (s *Service) add(tx *store.Tx, group, name string) Stream {
	m := Stream{ARN: group + streamPart + name, Group: group, Name: name, File: s.o.IDs.Hex(32), Created: tx.Now()}
	s.streams.Put(tx, m)
	return m
}

// DeleteLogStream removes a stream and its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *logs.DeleteLogStreamInput) (*logs.DeleteLogStreamOutput, error) {
	var gone string
	err := s.store.Update(func(tx *store.Tx) error {
		m, err := s.stream(tx, groupARN(scopeOf(ctx), aws.ToString(in.LogGroupName)), aws.ToString(in.LogStreamName))
		if err != nil {
			return err
		}
		gone = m.File
		s.streams.Delete(tx, m.ARN)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.tapes.drop([]string{gone})
	return &logs.DeleteLogStreamOutput{}, nil
}

// DescribeLogStreams lists a group's streams by name, or by the time of their last event.
func (s *Service) DescribeLogStreams(ctx context.Context, in *logs.DescribeLogStreamsInput) (*logs.DescribeLogStreamsOutput, error) {
	arn, err := identified(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(in.Limit, mostListed)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	var list []shownStream
	err = s.store.View(func(tx *store.Tx) error {
		if _, err := s.group(tx, arn); err != nil {
			return err
		}
		for m := range s.streams.Prefix(tx, arn+streamPart+aws.ToString(in.LogStreamNamePrefix)) {
			list = append(list, shownStream{Stream: m})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if byTime {
		if err := s.look(list); err != nil {
			return nil, err
		}
		slices.SortStableFunc(list, func(a, b shownStream) int { return cmp.Compare(a.lastTime(), b.lastTime()) })
	}
	if aws.ToBool(in.Descending) {
		slices.Reverse(list)
	}
	part, next, err := page.Cut(list, func(m *shownStream) string { return m.Name }, aws.ToString(in.NextToken), limit)
	if err != nil {
		return nil, invalid(badToken)
	}
	if err := s.look(part); err != nil {
		return nil, err
	}
	out := &logs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	for _, m := range part {
		v := types.LogStream{
			LogStreamName: &m.Name, Arn: &m.ARN, CreationTime: aws.Int64(m.Created.UnixMilli()), UploadSequenceToken: aws.String(sequence),
			//lint:ignore SA1019 AWS still answers with it, as zero since 2019
			StoredBytes: aws.Int64(0),
		}
		if m.events > 0 {
			v.FirstEventTimestamp, v.LastEventTimestamp = aws.Int64(s.internal(m.first)), aws.Int64(s.internal(m.last))
			v.LastIngestionTime = aws.Int64(s.internal(m.ingestion))
		}
		out.LogStreams = append(out.LogStreams, v)
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

// shownStream is a stream with what its tape tells.
type shownStream struct {
	Stream
	stats
}

func (m shownStream) lastTime() int64 {
	if m.events == 0 {
		return 0
	}
	return m.last
}

func (s *Service) look(list []shownStream) (err error) {
	for i := range list {
		if list[i].stats, err = s.tapes.get(list[i].File).tell(); err != nil && err != errGone {
			return err
		}
	}
	return nil
}

// chosen gives the streams of a group that FilterLogEvents names, by name.
func (s *Service) chosen(tx *store.Tx, group string, names []string, prefix *string) (list []Stream, err error) {
	if _, err := s.group(tx, group); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		for m := range s.streams.Prefix(tx, group+streamPart+aws.ToString(prefix)) {
			list = append(list, m)
		}
		return list, nil
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		m, err := s.stream(tx, group, name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Stream) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}
