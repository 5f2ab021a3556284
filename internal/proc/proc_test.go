package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "shim" {
		os.Exit(ShimMain(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == leaderGone {
		runLeaderGone()
	}
	os.Exit(m.Run())
}

// read gives the texts of all lines behind since, of a log nobody writes to any more.
func readAll(t interface {
	Fatal(...any)
	Context() context.Context
}, dir string, since int64) (lines []Line) {
	for l, err := range Lines(t.Context(), dir, since) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

func TestLinesComeOutAsTheyWereWrittenHoweverTheyWereCut(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		want := rapid.SliceOfN(rapid.StringMatching(`[ -~\r\t]{0,40}`), 0, 20).Draw(t, "lines")
		all := []byte(strings.Join(append(slices.Clone(want), ""), "\n"))
		at := time.Unix(1, 2).UTC()
		for len(all) > 0 { // each round is another shim
			w, err := openLog(dir)
			if err != nil {
				t.Fatal(err)
			}
			in := input{stream: 'o'}
			for range rapid.IntRange(1, 3).Draw(t, "reads") {
				n := rapid.IntRange(0, len(all)).Draw(t, "bytes")
				in.take(w, all[:n], at)
				all = all[n:]
			}
			// What was read of a line is put back, as if the shim had died before it read it.
			all = append(slices.Clone(in.rest), all...)
			if err := errors.Join(w.flush(), w.close()); err != nil {
				t.Fatal(err)
			}
			// A shim that is killed within a write leaves half a line.
			if rapid.Bool().Draw(t, "torn") {
				f, err := os.OpenFile(w.f.Name(), os.O_WRONLY|os.O_APPEND, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteString("123 o ha"); err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
		}
		if err := write(dir, exitFile, Exit{}); err != nil {
			t.Fatal(err)
		}

		got := readAll(t, dir, 0)

		for i, l := range got {
			if i >= len(want) || l.Text != want[i] || !l.At.Equal(at) || l.Stream != 'o' {
				t.Fatalf("line %d: got %+v of %q", i, l, want)
			}
			if rest := readAll(t, dir, l.End); len(rest) != len(want)-i-1 {
				t.Fatalf("behind line %d are %d lines, want %d", i, len(rest), len(want)-i-1)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("got %d lines, want %d", len(got), len(want))
		}
	})
}

// newLog opens a log in a directory of its own.
func newLog(t *testing.T) (dir string, w *logWriter) {
	t.Helper()
	dir = t.TempDir()
	w, err := openLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, w
}

func TestTheLogKeepsItsEnd(t *testing.T) {
	t.Parallel()
	dir, w := newLog(t)
	in := input{stream: 'e'}
	line := strings.Repeat("x", 1000)
	count := 2 * KeepSegments * SegmentSize / len(line)
	var early []Line
	for i := range count {
		in.take(w, fmt.Appendf(nil, "%d %s\n", i, line), time.Unix(0, 1))
		if i%50 == 0 || i == count-1 {
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
		}
		if i == 100 {
			for l := range Lines(t.Context(), dir, 0) {
				if early = append(early, l); len(early) == 10 {
					break
				}
			}
		}
	}
	if err := errors.Join(w.close(), write(dir, exitFile, Exit{})); err != nil {
		t.Fatal(err)
	}

	starts, err := segments(dir)
	if err != nil || len(starts) != KeepSegments {
		t.Errorf("segments: %v, %v; want %d", starts, err, KeepSegments)
	}
	for _, since := range []int64{0, early[9].End} {
		got := readAll(t, dir, since)
		last, _, _ := strings.Cut(got[len(got)-1].Text, " ")
		first, _, _ := strings.Cut(got[0].Text, " ")
		if last != fmt.Sprint(count-1) || first == "0" {
			t.Errorf("from %d: lines %s to %s of %d", since, first, last, count)
		}
		for i := range got[1:] {
			if got[i].End >= got[i+1].End {
				t.Fatalf("places do not rise: %d, %d", got[i].End, got[i+1].End)
			}
		}
	}
}

func TestALogWhoseNextFileCannotBeMadeGoesOnInThisOne(t *testing.T) {
	t.Parallel()
	dir, w := newLog(t)
	in := input{stream: 'o'}
	n := 0
	fill := func() error { // a whole file
		for range SegmentSize / MaxLine {
			in.take(w, []byte(strings.Repeat("x", MaxLine-20)+"\n"), time.Unix(0, 1))
			n++
		}
		in.take(w, []byte(strings.Repeat("y", MaxLine-20)+"\n"), time.Unix(0, 1))
		n++
		return w.flush()
	}
	line := len(fmt.Sprintf("1 o %s\n", strings.Repeat("x", MaxLine-20)))
	inTheWay := filepath.Join(dir, segmentName(int64((SegmentSize/MaxLine+1)*line)))
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := fill(); err == nil {
		t.Fatal("the next file was made: there is nothing to see")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(fill(), fill(), w.close(), write(dir, exitFile, Exit{})); err != nil {
		t.Fatal(err)
	}

	if got := readAll(t, dir, 0); len(got) != n {
		t.Errorf("%d lines of %d", len(got), n)
	}
}

func TestAReaderThatWasOvertakenGoesOnWhereTheLogBegins(t *testing.T) {
	t.Parallel()
	dir, w := newLog(t)
	in := input{stream: 'o'}
	fill := func(bytes int) {
		for written := 0; written < bytes; written += 1000 {
			in.take(w, []byte(strings.Repeat("x", 999)+"\n"), time.Unix(0, 1))
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(1000)
	r := &reader{dir: dir}
	defer r.close()
	n := 0
	count := func(Line) bool { n++; return true }
	if err := r.read(count); err != nil || n != 1 {
		t.Fatalf("%d lines, %v", n, err)
	}

	fill((KeepSegments + 2) * SegmentSize)
	if err := r.read(count); err != nil {
		t.Fatal(err)
	}

	if r.at != w.start+w.size {
		t.Errorf("the reader is at %d of %d", r.at, w.start+w.size)
	}
}

func TestLongLinesComeInPieces(t *testing.T) {
	t.Parallel()
	dir, w := newLog(t)
	in := input{stream: 'o'}
	long := []byte(strings.Repeat("y", 2*MaxLine+5) + "\nshort\n")
	for len(long) > 0 {
		n := min(len(long), readChunk)
		in.take(w, long[:n], time.Unix(0, 1))
		long = long[n:]
	}
	if err := errors.Join(w.flush(), w.close(), write(dir, exitFile, Exit{})); err != nil {
		t.Fatal(err)
	}

	var got []int
	for _, l := range readAll(t, dir, 0) {
		got = append(got, len(l.Text))
	}
	if diff := cmp.Diff([]int{MaxLine, MaxLine, 5, 5}, got); diff != "" {
		t.Errorf("lengths (-want +got):\n%s", diff)
	}
}

func TestAPidOfAnotherProcessIsNotOurs(t *testing.T) {
	t.Parallel()
	me, err := Identify(os.Getpid())
	if err != nil || !Alive(me) {
		t.Fatalf("%+v, %v", me, err)
	}
	for _, other := range []Identity{
		{Pid: me.Pid, Start: me.Start + 1, Boot: me.Boot},
		{Pid: me.Pid, Start: me.Start, Boot: "another start of the system"},
		{},
	} {
		if _, err := Open(other); !errors.Is(err, ErrEnded) {
			t.Errorf("Open(%+v): %v, want ErrEnded", other, err)
		}
	}
}

func TestTwoShimsInOneDirectoryStartOneProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shim, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	spec := Spec{Argv: []string{"/bin/sh", "-c", "echo once; exec sleep 100"}, Dir: "/"}
	if err := write(dir, specFile, spec); err != nil {
		t.Fatal(err)
	}
	const shims = 4
	states := make(chan State, shims)
	for range shims {
		go func() {
			s, err := spawn(ctx, shim, dir)
			if err != nil {
				t.Error(err)
			}
			states <- s
		}()
	}
	first := <-states
	for range shims - 1 {
		if s := <-states; s.Program != first.Program {
			t.Errorf("two programs: %+v, %+v", first.Program, s.Program)
		}
	}

	for l, err := range Lines(ctx, dir, 0) {
		if l.Text != "once" || err != nil {
			t.Errorf("%+v, %v", l, err)
		}
		break
	}
	if err := Stop(ctx, shim, dir, 15, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, dir, 0); len(got) != 1 {
		t.Errorf("it wrote %+v", got)
	}
	if e, err := ReadExit(dir); e.Code != 143 || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTheRestOfALineWithoutNewlineIsALine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shim, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := Start(ctx, shim, dir, Spec{Argv: []string{"printf", `one\ntwo`}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Wait(ctx, shim, dir); err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, l := range readAll(t, dir, 0) {
		got = append(got, l.Text)
	}

	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAProgramIsStartedOnceWhateverMomentItsShimIsKilledAt(t *testing.T) {
	t.Parallel()
	shim, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	root := t.TempDir()
	var half atomic.Int32 // how often the program ran and nobody had written who it is
	var rounds sync.WaitGroup
	for i := range 20 {
		dir := filepath.Join(root, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		starts := filepath.Join(dir, "starts")
		spec := Spec{Argv: []string{"/bin/sh", "-c", "echo $$ >>" + starts + "; exec sleep 100"}, Dir: "/"}
		if err := write(dir, specFile, spec); err != nil {
			t.Fatal(err)
		}
		// The moments around the program's start are the interesting ones.
		if err := killedShim(ctx, shim, dir, time.Duration(i)*40*time.Microsecond); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadState(dir); errors.Is(err, ErrUnknown) {
			if left, err := writers(dir); err == nil && len(left) > 0 {
				half.Add(1)
			}
		}
		// Whoever inherits orphans here may take its time to reap them, so the rounds go side by side.
		rounds.Go(func() {
			state, err := Start(ctx, shim, dir, spec)
			if err != nil {
				t.Error(err)
				return
			}
			if !Alive(state.Program) {
				t.Errorf("round %d: the program does not run", i)
			}
			var b []byte
			for len(b) == 0 && ctx.Err() == nil {
				b, _ = os.ReadFile(starts) //nolint:errcheck // it is not there yet
			}
			if err := Stop(ctx, shim, dir, 15, time.Minute); err != nil {
				t.Error(err)
			}
			if b, err = os.ReadFile(starts); string(b) != fmt.Sprintln(state.Program.Pid) || err != nil {
				t.Errorf("round %d: started %q, the program is %d", i, b, state.Program.Pid)
			}
		})
	}
	rounds.Wait()
	t.Logf("in %d of 20 rounds the program ran unknown", half.Load())
}

// killedShim starts a shim and kills it some time after it wrote its own name.
func killedShim(ctx context.Context, shim Shim, dir string, after time.Duration) error {
	cmd := exec.CommandContext(ctx, shim.Path, append(slices.Clone(shim.Args), dir)...)
	if err := cmd.Start(); err != nil {
		return err
	}
	for written := false; !written && ctx.Err() == nil; {
		_, err := os.Stat(filepath.Join(dir, stateFile))
		written = err == nil
	}
	for began := time.Now(); time.Since(began) < after; {
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	cmd.Wait() //nolint:errcheck // it was killed
	return nil
}

func TestWhatAShimLeavesBehindIsEndedThroughASymlinkToo(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux tells who holds a file")
	}
	root := t.TempDir()
	real, dir := filepath.Join(root, "real"), filepath.Join(root, "link")
	if err := errors.Join(os.Mkdir(real, 0o700), os.Symlink(real, dir)); err != nil {
		t.Fatal(err)
	}
	shim, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	state, err := Start(ctx, shim, dir, Spec{Argv: []string{"/bin/sleep", "100"}, Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer Stop(context.WithoutCancel(ctx), shim, dir, 9, 0) //nolint:errcheck // the test's end

	left, err := writers(dir)

	if err != nil || len(left) != 1 || left[0] != state.Program {
		t.Errorf("writers of %s: got %v, %v, want the program %v", dir, left, err, state.Program)
	}
}

func TestAStopBeforeTheShimIsReadyLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	shim, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	root := t.TempDir()
	var rounds sync.WaitGroup
	for i := range 20 {
		dir := filepath.Join(root, fmt.Sprint(i))
		rounds.Go(func() {
			soon, cut := context.WithTimeout(ctx, time.Duration(i)*time.Millisecond/2)
			defer cut()
			_, err := Start(soon, shim, dir, Spec{Argv: []string{"/bin/sleep", "100"}, Dir: "/"})
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if err := Stop(ctx, shim, dir, 15, time.Minute); err != nil {
				t.Error(err)
			}
			for range 20 { // what comes up late comes up within a second
				if state, err := ReadState(dir); err == nil && Alive(state.Program) {
					t.Errorf("round %d: the program runs after Stop", i)
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if err := Stop(ctx, shim, dir, 9, 0); err != nil {
				t.Error(err)
			}
		})
	}
	rounds.Wait()
}
