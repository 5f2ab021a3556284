package logs

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Whatever the order events came in, a span read from either end, in pages of any size, is the
// span of all events sorted; also after the index was dropped.
func TestReadingByTimeIsReadingASortedList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		tape := &tape{medium: &file{filepath.Join(dir, string(rune('a'+run%26))+strings.Repeat("x", run/26))}}
		var all []event
		for range rapid.IntRange(0, 12).Draw(rt, "batches") {
			var batch []event
			base := rapid.Int64Range(0, 50).Draw(rt, "base")
			for range rapid.IntRange(1, 8).Draw(rt, "size") {
				base += rapid.Int64Range(0, 5).Draw(rt, "step")
				batch = append(batch, event{Time: base, Text: strings.Repeat("t", rapid.SampledFrom([]int{1, 20_000}).Draw(rt, "long"))})
			}
			if err := tape.add(batch); err != nil {
				rt.Fatal(err)
			}
			for i := range batch {
				batch[i].N = int64(len(all) + 1)
				all = append(all, batch[i])
			}
		}
		if rapid.Bool().Draw(rt, "rest") {
			tape.rest()
		}
		slices.SortFunc(all, func(a, b event) int { return a.at().compare(b.at()) })
		s := span{from: place{rapid.Int64Range(0, 60).Draw(rt, "from"), 0}, to: place{rapid.Int64Range(0, 100).Draw(rt, "to"), 0}}
		want := slices.DeleteFunc(slices.Clone(all), func(e event) bool { return !s.has(e.at()) })
		last, limit := rapid.Bool().Draw(rt, "last"), rapid.IntRange(1, 9).Draw(rt, "limit")
		var got []event
		for {
			part, err := tape.read(s, last, limit, 50_000)
			if err != nil {
				rt.Fatal(err)
			}
			if len(part) == 0 {
				break
			}
			if len(part) > limit {
				rt.Fatalf("a page of %d for a limit of %d", len(part), limit)
			}
			if last {
				got, s.to = append(part, got...), part[0].at()
			} else {
				got = append(got, part...)
				s.from = part[len(part)-1].at()
				s.from.n++
			}
		}
		same := func(a, b event) int { return cmp.Or(a.at().compare(b.at()), strings.Compare(a.Text, b.Text)) }
		if slices.CompareFunc(got, want, same) != 0 {
			rt.Fatalf("got %d events, want %d", len(got), len(want))
		}
	})
}

func TestOldEventsAreForgottenAndMarksAreNot(t *testing.T) {
	t.Parallel()
	now := clock.NewVirtual(clock.Real{}.Now())
	dir := t.TempDir()
	s := New(Options{IDs: ids.Counting(), Dir: dir})
	st, err := store.Open(store.Options{Verify: true, Clock: now}, s.Tables()...)
	if err != nil {
		t.Fatal(err)
	}
	s.Attach(st)
	scope := names.Scope{Account: "123456789012", Region: "us-east-1"}
	arn := groupARN(scope, "g")
	if _, err := s.Resume(t.Context(), scope, "g", "s", "c#0", true); err != nil {
		t.Fatal(err)
	}
	if err := s.change(arn, func(g *Group) error { g.RetentionDays = 1; return nil }); err != nil {
		t.Fatal(err)
	}
	name := ""
	keep := func() (jobs int) {
		t.Helper()
		err := st.Update(func(tx *store.Tx) error {
			m, err := s.stream(tx, arn, "s")
			if err != nil {
				return err
			}
			name = m.File
			r, err := s.Keepers()[0].Keep(tx, arn)
			if err != nil || len(r.Jobs) == 0 {
				return err
			}
			jobs = len(r.Jobs)
			fact, err := r.Jobs[0].Do(t.Context())
			if err != nil {
				return err
			}
			return fact(tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		return jobs
	}
	if keep() != 0 {
		t.Error("a new group is swept at once")
	}
	old, long := now.Now().UnixMilli(), strings.Repeat("o", blockSize)
	err = s.tapes.get(name).add([]event{{Time: old, Start: "c#0", Mark: 7, Text: long}, {Time: old, Start: "c#0", Mark: 9, Text: long}})
	if err != nil {
		t.Fatal(err)
	}
	now.Advance(2 * day)
	err = s.tapes.get(name).add([]event{{Time: now.Now().UnixMilli(), Start: "c#1", Mark: 3, Text: "young"}})
	if err != nil {
		t.Fatal(err)
	}
	if keep() != 1 {
		t.Error("a group is not swept after two days")
	}
	tape := s.tapes.get(name)
	stats, err := tape.tell()
	size, err2 := tape.medium.size()
	mark, err3 := tape.mark("c#0")
	if err != nil || err2 != nil || err3 != nil || stats.events != 1 || size > 1000 || mark != 9 {
		t.Errorf("got %d events in %d bytes, mark %d, %v %v %v; want one event and mark 9", stats.events, size, mark, err, err2, err3)
	}
	if err := tape.add([]event{{Time: old, Text: "next"}}); err != nil || tape.last != 4 {
		t.Errorf("the next number: got %d, %v; want 4", tape.last, err)
	}
}
