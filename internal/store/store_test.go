package store_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/store"
)

type pet struct {
	Name string
	Kind string
	Age  string
	Toys []string
}

func pets() *store.Table[pet] {
	return store.NewTable("pets", func(p *pet) string { return p.Name }, store.One("kind", func(p *pet) string { return p.Kind }),
		store.Index[pet]{Name: "age", Of: func(p *pet) []string { return []string{p.Kind} }, Order: func(p *pet) string { return p.Age }})
}

func open(t testing.TB, o store.Options, tables ...store.Any) *store.Store {
	t.Helper()
	o.Verify = true
	s, err := store.Open(o, tables...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func update(t testing.TB, s *store.Store, f func(tx *store.Tx)) {
	t.Helper()
	if err := s.Update(func(tx *store.Tx) error { f(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func names(s *store.Store, get func(tx *store.Tx) func(func(pet) bool)) (out []string) {
	if err := s.View(func(tx *store.Tx) error {
		for p := range get(tx) {
			out = append(out, p.Name)
		}
		return nil
	}); err != nil {
		panic(err)
	}
	return out
}

func TestTablesBehaveLikeAMapWithOrderOverCommitsFailuresAndRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, strconv.Itoa(n))
		table := pets()
		s, err := store.Open(store.Options{Path: path, Verify: true}, table)
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]pet{}
		name, kind := rapid.StringMatching(`[a-d][a-d\x00]?`), rapid.SampledFrom([]string{"", "cat", "dog"})
		age := rapid.SampledFrom([]string{"1", "2", "3"})
		for range rapid.IntRange(1, 12).Draw(t, "commits") {
			next, broken := maps.Clone(model), rapid.Bool().Draw(t, "fails")
			err := s.Update(func(tx *store.Tx) error {
				for range rapid.IntRange(0, 5).Draw(t, "writes") {
					p := pet{Name: name.Draw(t, "name"), Kind: kind.Draw(t, "kind"), Age: age.Draw(t, "age")}
					if rapid.Bool().Draw(t, "delete") {
						table.Delete(tx, p.Name)
						delete(next, p.Name)
						continue
					}
					table.Put(tx, p)
					next[p.Name] = p
				}
				if broken {
					return errors.New("broken")
				}
				return nil
			})
			if broken != (err != nil) {
				t.Fatalf("commit: %v", err)
			}
			if !broken {
				model = next
			}
			if rapid.Bool().Draw(t, "restart") {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				table = pets()
				if s, err = store.Open(store.Options{Path: path, Verify: true}, table); err != nil {
					t.Fatal(err)
				}
			}
			want := slices.Sorted(maps.Keys(model))
			if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.All(tx) }); !slices.Equal(got, want) {
				t.Fatalf("all rows: got %v, want %v", got, want)
			}
			cats := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return model[n].Kind != "cat" })
			if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.By(tx, "kind", "cat") }); !slices.Equal(got, cats) {
				t.Fatalf("cats by index: got %v, want %v", got, cats)
			}
			if err := s.View(func(tx *store.Tx) error {
				if got := table.CountBy(tx, "kind", "cat"); got != len(cats) {
					t.Fatalf("counted %d cats, want %d", got, len(cats))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			slices.SortStableFunc(cats, func(a, b string) int { return strings.Compare(model[a].Age, model[b].Age) })
			if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.By(tx, "age", "cat") }); !slices.Equal(got, cats) {
				t.Fatalf("cats by age: got %v, want %v", got, cats)
			}
			if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.Up(tx, "age", "cat") }); !slices.Equal(got, cats) {
				t.Fatalf("cats by age, one by one: got %v, want %v", got, cats)
			}
			slices.Reverse(cats)
			if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.Down(tx, "age", "cat") }); !slices.Equal(got, cats) {
				t.Fatalf("cats by age, the oldest first: got %v, want %v", got, cats)
			}
			for name, p := range model {
				ok := false
				got := names(s, func(tx *store.Tx) func(func(pet) bool) {
					var rest func(func(pet) bool)
					if rest, ok = table.DownFrom(tx, "age", "cat", name); !ok {
						return func(func(pet) bool) {}
					}
					return rest
				})
				if at := slices.Index(cats, name); ok != (p.Kind == "cat") || !slices.Equal(got, cats[at+1:]) && ok {
					t.Fatalf("cats younger than %s: got %v %v, want those behind it in %v", name, got, ok, cats)
				}
			}
			as := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return !strings.HasPrefix(n, "a") })
			if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.Prefix(tx, "a") }); !slices.Equal(got, as) {
				t.Fatalf("rows with prefix a: got %v, want %v", got, as)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAPanicInsideUpdateLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	table := pets()
	s := open(t, store.Options{}, table)
	func() {
		defer func() { recover() }() //nolint:errcheck // the panic is the case
		update(t, s, func(tx *store.Tx) { table.Put(tx, pet{Name: "a"}); panic("broken") })
	}()
	if got := names(s, func(tx *store.Tx) func(func(pet) bool) { return table.All(tx) }); len(got) != 0 {
		t.Errorf("rows after a panic: got %v, want none", got)
	}
}

func TestWritingIntoASharedRowIsCaught(t *testing.T) {
	t.Parallel()
	table := pets()
	s := open(t, store.Options{}, table)
	update(t, s, func(tx *store.Tx) { table.Put(tx, pet{Name: "a", Toys: []string{"ball"}}) })
	defer func() {
		if recover() == nil {
			t.Error("a write into a row's slice went unnoticed")
		}
	}()
	update(t, s, func(tx *store.Tx) {
		p, _ := table.Get(tx, "a")
		p.Toys[0] = "bone"
	})
}

func TestAWatchHoldsWhatWasThereThenOneChangeARow(t *testing.T) {
	t.Parallel()
	table := pets()
	s := open(t, store.Options{}, table)
	update(t, s, func(tx *store.Tx) { table.Put(tx, pet{Name: "a"}) })
	w := s.Watch(table)
	<-w.Ready()
	if got := w.Take(); len(got) != 1 || got[0].Old != nil || got[0].New.(*pet).Name != "a" {
		t.Fatalf("first look: got %+v, want row a as if just put", got)
	}
	update(t, s, func(tx *store.Tx) { table.Put(tx, pet{Name: "a", Kind: "cat"}) })
	update(t, s, func(tx *store.Tx) { table.Put(tx, pet{Name: "a", Kind: "dog"}) })
	update(t, s, func(tx *store.Tx) { table.Delete(tx, "a") })
	<-w.Ready()
	if got := w.Take(); len(got) != 1 || got[0].Old.(*pet).Kind != "" || got[0].New != nil {
		t.Errorf("three commits of one row: got %+v, want one change from the first old to gone", got)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	open(t, store.Options{Path: path})
	_, err := store.Open(store.Options{Path: path, Wait: 10 * time.Millisecond})
	if !fail.Is(err, "store.busy") {
		t.Errorf("second open: got %v, want store.busy", err)
	}
}

func TestInternalTimeNeverRunsBackwardsOverAChangeOfSpeed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	var last time.Time
	for _, speed := range []float64{1000, 1, 0.1, 1000} {
		table := pets()
		s, err := store.Open(store.Options{Path: path, Speed: speed}, table)
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx *store.Tx) {
			if tx.Now().Before(last) {
				t.Errorf("at speed %g time went back from %s to %s", speed, last, tx.Now())
			}
			last = tx.Now()
			table.Put(tx, pet{Name: "a"})
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMain lets the test binary be the writer that TestAKilledProcessLosesNothingItAcknowledged kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("STORE_TEST_WRITE"); path != "" {
		table := pets()
		s, err := store.Open(store.Options{Path: path}, table)
		if err != nil {
			panic(err)
		}
		for i := range 1_000_000 {
			if err := s.Update(func(tx *store.Tx) error {
				table.Put(tx, pet{Name: fmt.Sprintf("%09d", i)})
				table.Put(tx, pet{Name: "twin of " + fmt.Sprintf("%09d", i)})
				return nil
			}); err != nil {
				panic(err)
			}
			fmt.Println(i)
		}
		return
	}
	os.Exit(m.Run())
}

func TestAKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		path := filepath.Join(t.TempDir(), "state")
		writer := exec.CommandContext(t.Context(), os.Args[0])
		writer.Env = append(os.Environ(), "STORE_TEST_WRITE="+path)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for want := 50 * (round + 1); last < want; {
			if _, err := fmt.Fscanln(out, &last); err != nil {
				t.Fatal(err)
			}
		}
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for { // what it had acknowledged before it died
			if _, err := fmt.Fscanln(out, &last); err != nil {
				break
			}
		}
		writer.Wait() //nolint:errcheck // it was killed

		table := pets()
		s := open(t, store.Options{Path: path}, table)
		if err := s.View(func(tx *store.Tx) error {
			for i := range last + 1 {
				if _, ok := table.Get(tx, fmt.Sprintf("%09d", i)); !ok {
					t.Fatalf("commit %d of %d was acknowledged and is lost", i, last)
				}
			}
			if table.Count(tx)%2 != 0 {
				t.Errorf("a commit is torn: %d rows", table.Count(tx))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATransactionHasTheStoresTime(t *testing.T) {
	t.Parallel()
	table := pets()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := open(t, store.Options{Clock: clock.NewVirtual(noon)}, table)
	update(t, s, func(tx *store.Tx) {
		if !tx.Now().Equal(noon) {
			t.Errorf("time of the transaction: got %s, want the clock's %s", tx.Now(), noon)
		}
	})
}

func TestAClosedStoreAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	table := pets()
	s := open(t, store.Options{Path: filepath.Join(t.TempDir(), "state")}, table)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := s.Update(func(tx *store.Tx) error { table.Put(tx, pet{Name: "a"}); return nil })
	if !fail.Is(err, "store.closed") {
		t.Errorf("commit after the end, which no restart would find: got %v, want store.closed", err)
	}
}

func BenchmarkCommit(b *testing.B) {
	table := pets()
	s, err := store.Open(store.Options{Path: filepath.Join(b.TempDir(), "state")}, table)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a benchmark's end
	for i := 0; b.Loop(); i++ {
		if err := s.Update(func(tx *store.Tx) error {
			table.Put(tx, pet{Name: strconv.Itoa(i % 3000), Kind: "cat"})
			table.Put(tx, pet{Name: strconv.Itoa(i%3000 + 3000), Kind: "dog"})
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}
