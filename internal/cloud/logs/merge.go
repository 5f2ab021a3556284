package logs

import (
	"cmp"
	"container/heap"
)

// chunk bounds what is read of each stream at a time while several are merged.
const (
	chunkEvents = 256
	chunkBytes  = 64 << 10
)

// filtered is an event and the index of the stream it comes from.
type filtered struct {
	event
	stream int
}

// source is one stream being merged: its events from head on, the next ones in hand.
type source struct {
	tape   *tape
	rest   span
	events []event
	index  int // of the stream
}

// fill reads on where nothing is in hand; ok is false at the end.
func (s *source) fill() (ok bool, err error) {
	if len(s.events) > 0 {
		return true, nil
	}
	s.events, err = s.tape.read(s.rest, false, chunkEvents, chunkBytes)
	if err == errGone {
		return false, nil
	}
	if err != nil || len(s.events) == 0 {
		return false, err
	}
	s.rest.from = s.events[len(s.events)-1].at()
	s.rest.from.n++
	return true, nil
}

// sources is a heap by the time of the next event, then by the order of streams.
type sources []*source

func (s sources) Len() int      { return len(s) }
func (s sources) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s sources) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(s[i].events[0].Time, s[j].events[0].Time), cmp.Compare(s[i].index, s[j].index)) < 0
}
func (s *sources) Push(v any) { *s = append(*s, v.(*source)) }
func (s *sources) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// merge gives the first events of a span of all streams that match, behind a cursor, and the cursor
// to go on behind; nil at the end.
func (s *Service) merge(streams []Stream, all span, after cursor, matches func(string) bool, limit int) (found []filtered, next *cursor, err error) {
	var heads sources
	for i, m := range streams {
		src := &source{tape: s.tapes.get(m.File), rest: all, index: i}
		from := place{after.time, after.n}
		if m.Name < after.stream {
			from = place{after.time + 1, 0}
		} else if m.Name > after.stream {
			from = place{after.time, 0}
		}
		if from.compare(src.rest.from) > 0 {
			src.rest.from = from
		}
		ok, err := src.fill()
		if err != nil {
			return nil, nil, err
		}
		if ok {
			heads = append(heads, src)
		}
	}
	heap.Init(&heads)
	weight := 0
	for len(heads) > 0 {
		src := heads[0]
		e := src.events[0]
		if matches(e.Text) {
			if weight += e.weight(); len(found) > 0 && (len(found) >= limit || weight > mostBytes) {
				return found, &cursor{e.at(), streams[src.index].Name}, nil
			}
			found = append(found, filtered{e, src.index})
		}
		src.events = src.events[1:]
		ok, err := src.fill()
		if err != nil {
			return nil, nil, err
		}
		if ok {
			heap.Fix(&heads, 0)
		} else {
			heap.Pop(&heads)
		}
	}
	return found, nil, nil
}
