package logs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-ecs/slipway/internal/launch"
)

// event is one line of a stream's file, in JSON with its newline. Times are the wall's, in
// milliseconds since 1970: files read the same at any speed of the cloud.
type event struct {
	N        int64       `json:"n"`           // counts the stream's events, from 1, and is never given twice
	Time     int64       `json:"t"`           // when it happened
	Ingested int64       `json:"i"`           // when it was written here
	Start    string      `json:"s,omitempty"` // the container start it comes from …
	Mark     launch.Mark `json:"k,omitempty"` // … and the place behind it in that start's output
	Text     string      `json:"m,omitempty"` // no event has an empty text: such a line only keeps a mark
}

func (e event) at() place { return place{e.Time, e.N} }

// weight is what an event counts against limits of bytes.
//
// Source: PutLogEvents, "this size is calculated as the sum of all event messages in UTF-8, plus
// 26 bytes for each log event".
func (e event) weight() int { return len(e.Text) + 26 }

// place is a place in a stream's order, which is by time and then by number: just before the event
// that has both.
type place struct{ time, n int64 }

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.time, o.time), cmp.Compare(p.n, o.n))
}

// block is a part of the file, of whole lines, and what is in it: the index.
type block struct {
	from, to   int64 // bytes
	least, top int64 // times
	events     int
}

// blockSize is how large a block grows, in bytes. The index takes about 1/1500 of the file.
const blockSize = 64 << 10

// tape is the events of one stream: append-only lines, and their index in memory, which is made
// again from the lines when it is needed and was dropped.
type tape struct {
	mu   sync.Mutex // guards the medium and what follows it
	used int64      // when it was used last, in uses of tapes; the library's lock guards it

	medium medium
	loaded bool
	gone   bool
	size   int64
	last   int64 // number of the last event
	blocks []block
	marks  map[string]launch.Mark
	stats  stats
}

// stats are what DescribeLogStreams tells.
type stats struct {
	events                 int
	first, last, ingestion int64 // times; meaningless without events
}

var errGone = errors.New("the log stream was deleted")

// open makes the index. A last line without its end, which a kill left, is dropped.
func (t *tape) open() error {
	if t.gone {
		return errGone
	}
	if t.loaded {
		return nil
	}
	size, err := t.medium.size()
	if err != nil {
		return err
	}
	t.size, t.last, t.blocks, t.marks, t.stats = 0, 0, nil, map[string]launch.Mark{}, stats{}
	var rest []byte
	for at := int64(0); at < size; {
		part := make([]byte, min(blockSize, size-at))
		if err := t.medium.read(at, part); err != nil {
			return err
		}
		at += int64(len(part))
		rest = append(rest, part...)
		end := bytes.LastIndexByte(rest, '\n') + 1
		for line := range bytes.Lines(rest[:end]) {
			e, ok := parse(line)
			t.note(e, len(line), ok)
		}
		rest = append([]byte(nil), rest[end:]...)
	}
	if len(rest) > 0 {
		if err := t.medium.truncate(t.size); err != nil {
			return err
		}
	}
	t.loaded = true
	return nil
}

// parse reads a line; ok is false for one that is no event, which is passed over.
func parse(line []byte) (e event, ok bool) {
	return e, json.Unmarshal(line, &e) == nil
}

// note takes a line that stands at the tape's end into the index.
func (t *tape) note(e event, length int, ok bool) {
	if n := len(t.blocks); n == 0 || t.blocks[n-1].to-t.blocks[n-1].from >= blockSize {
		t.blocks = append(t.blocks, block{from: t.size, to: t.size})
	}
	b := &t.blocks[len(t.blocks)-1]
	t.size += int64(length)
	b.to = t.size
	if !ok {
		return
	}
	t.last = max(t.last, e.N)
	if e.Start != "" {
		t.marks[e.Start] = max(t.marks[e.Start], e.Mark)
	}
	if e.Text == "" {
		return
	}
	if b.events++; b.events == 1 {
		b.least, b.top = e.Time, e.Time
	}
	b.least, b.top = min(b.least, e.Time), max(b.top, e.Time)
	if t.stats.events++; t.stats.events == 1 {
		t.stats.first, t.stats.last = e.Time, e.Time
	}
	t.stats.first, t.stats.last = min(t.stats.first, e.Time), max(t.stats.last, e.Time)
	t.stats.ingestion = max(t.stats.ingestion, e.Ingested)
}

// add writes events at the end, all or none, and numbers them. Of a container start, lines that
// are there already are left out.
func (t *tape) add(events []event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.open(); err != nil {
		return err
	}
	var data []byte
	var lines []int
	kept := make([]event, 0, len(events))
	for _, e := range events {
		if e.Start != "" && e.Mark <= t.marks[e.Start] {
			continue
		}
		e.N = t.last + int64(len(kept)) + 1
		e.Text = strings.ToValidUTF8(e.Text, "\uFFFD")
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		data = append(append(data, line...), '\n')
		lines, kept = append(lines, len(line)+1), append(kept, e)
	}
	if len(kept) == 0 {
		return nil
	}
	if err := t.medium.add(t.size, data); err != nil {
		t.loaded = false // look at what is really there
		return err
	}
	for i, e := range kept {
		t.note(e, lines[i], true)
	}
	return nil
}

// mark gives the place behind the last line of a container start.
func (t *tape) mark(start string) (launch.Mark, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.open()
	return t.marks[start], err
}

// tell gives the stream's stats.
func (t *tape) tell() (stats, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.open()
	return t.stats, err
}

// span is a part of a stream's order: places from from up to but without to.
type span struct{ from, to place }

func (s span) has(p place) bool { return p.compare(s.from) >= 0 && p.compare(s.to) < 0 }

// read gives, in order, the first events of a span or its last ones: at most limit of them and
// not more than bytes, but one at least where there is one. Only blocks that can hold them are read.
func (t *tape) read(s span, last bool, limit, most int) ([]event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.open(); err != nil {
		return nil, err
	}
	var blocks []block
	for _, b := range t.blocks {
		if b.events > 0 && b.top >= s.from.time && b.least <= s.to.time {
			blocks = append(blocks, b)
		}
	}
	slices.SortStableFunc(blocks, func(a, b block) int {
		if last {
			return cmp.Compare(b.top, a.top)
		}
		return cmp.Compare(a.least, b.least)
	})
	order := func(a, b event) int { return a.at().compare(b.at()) }
	if last {
		order = func(a, b event) int { return b.at().compare(a.at()) }
	}
	var found, waiting []event // waiting may still be preceded by what a later block has
	weight := 0
	full := func(sure func(event) bool) bool {
		slices.SortFunc(waiting, order)
		for len(waiting) > 0 && sure(waiting[0]) {
			e := waiting[0]
			if weight += e.weight(); len(found) > 0 && (len(found) >= limit || weight > most) {
				return true
			}
			found, waiting = append(found, e), waiting[1:]
		}
		return len(found) >= limit
	}
	done := false
	for _, b := range blocks {
		if done = full(func(e event) bool { return !last && e.Time < b.least || last && e.Time > b.top }); done {
			break
		}
		events, err := t.load(b)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if s.has(e.at()) {
				waiting = append(waiting, e)
			}
		}
	}
	if !done {
		full(func(event) bool { return true })
	}
	if last {
		slices.Reverse(found)
	}
	return found, nil
}

// load reads a block's events.
func (t *tape) load(b block) (events []event, err error) {
	data := make([]byte, b.to-b.from)
	if err := t.medium.read(b.from, data); err != nil {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		if e, ok := parse(line); ok && e.Text != "" {
			events = append(events, e)
		}
	}
	return events, nil
}

// expire forgets events before a time, a whole block at a time. Marks are kept.
func (t *tape) expire(before int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.open(); err != nil {
		return err
	}
	old := 0
	for old < len(t.blocks) && t.blocks[old].top < before {
		old++
	}
	if old == 0 || t.stats.events == 0 {
		return nil
	}
	from := t.size
	if old < len(t.blocks) {
		from = t.blocks[old].from
	}
	t.loaded = false
	return t.medium.replace(func(w io.Writer) error {
		starts := make([]string, 0, len(t.marks))
		for s := range t.marks {
			starts = append(starts, s)
		}
		slices.Sort(starts)
		lines := []event{{N: t.last}}
		for _, s := range starts {
			lines = append(lines, event{N: t.last, Start: s, Mark: t.marks[s]})
		}
		for _, e := range lines {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		for at := from; at < t.size; {
			part := make([]byte, min(blockSize, t.size-at))
			if err := t.medium.read(at, part); err != nil {
				return fmt.Errorf("read what is kept: %w", err)
			}
			if _, err := w.Write(part); err != nil {
				return err
			}
			at += int64(len(part))
		}
		return nil
	})
}

// remove ends the tape and takes its file away.
func (t *tape) remove() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone, t.loaded, t.blocks, t.marks = true, false, nil, nil
	return t.medium.remove()
}

// rest drops the index until it is needed again.
func (t *tape) rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded, t.blocks, t.marks = false, nil, nil
}
