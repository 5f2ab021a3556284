package page_test

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
)

func TestPagesTogetherAreTheList(t *testing.T) {
	t.Parallel()
	list := []string{"a", "b", "c", "d", "e"}
	for max := range 7 {
		var got []string
		token, pages := "", 0
		for {
			part, next, err := page.Cut(list, func(s *string) string { return *s }, token, max)
			if err != nil {
				t.Fatalf("pages of %d: %v", max, err)
			}
			got = append(got, part...)
			if pages++; next == "" {
				break
			}
			token = next
		}
		if !slices.Equal(got, list) {
			t.Errorf("pages of %d: got %q, want %q", max, got, list)
		}
		if want := map[int]int{0: 1, 1: 5, 2: 3, 3: 2, 4: 2, 5: 1, 6: 1}[max]; pages != want {
			t.Errorf("pages of %d: got %d pages, want %d", max, pages, want)
		}
	}
}

func TestATokenWhoseItemIsGoneGoesOnBehindIt(t *testing.T) {
	t.Parallel()
	_, _, token, err := page.Of([]string{"a", "b", "c"}, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	from, to, _, err := page.Of([]string{"a", "c"}, token, 2)
	if err != nil || from != 1 || to != 2 {
		t.Errorf("after b went: got %d to %d, %v; want 1 to 2", from, to, err)
	}
	if _, _, _, err := page.Of([]string{"c", "a"}, token, 2); !errors.Is(err, page.ErrToken) {
		t.Errorf("a list in another order: got %v, want ErrToken", err)
	}
	for _, words := range []string{"%%%", "made-up"} {
		if _, _, _, err := page.Of([]string{"a"}, words, 2); !errors.Is(err, page.ErrToken) {
			t.Errorf("%q, a token of nobody: got %v, want ErrToken", words, err)
		}
	}
}

func TestAWalkGivesTheSamePagesAndGoesNoFurtherThanBehindThem(t *testing.T) {
	t.Parallel()
	list := []string{"e", "b", "d", "a", "c"}
	for max := range 7 {
		var got []string
		for token := ""; ; {
			walked := 0
			counted := func(last string) (iter.Seq[string], bool) {
				return func(yield func(string) bool) {
					for _, s := range list[slices.Index(list, last)+1:] {
						if walked++; !yield(s) {
							return
						}
					}
				}, true
			}
			part, next, err := page.Walk(counted, func(s *string) string { return *s }, token, max)
			cut, behind, err2 := page.Cut(list, func(s *string) string { return *s }, token, max)
			if err != nil || err2 != nil || !slices.Equal(part, cut) || next != behind {
				t.Fatalf("pages of %d: got %q, %q, %v; Cut gives %q, %q, %v", max, part, next, err, cut, behind, err2)
			}
			if got = append(got, part...); next == "" {
				break
			}
			if walked != len(part)+1 {
				t.Errorf("pages of %d: walked %d for %d", max, walked, len(part))
			}
			token = next
		}
		if !slices.Equal(got, list) {
			t.Errorf("pages of %d: got %q, want %q", max, got, list)
		}
	}
	_, gone, err := page.Cut(list, func(s *string) string { return *s }, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{gone, "made-up", "%%%"} {
		nowhere := func(last string) (iter.Seq[string], bool) { return slices.Values(list), last == "" }
		if _, _, err := page.Walk(nowhere, func(s *string) string { return *s }, token, 2); !errors.Is(err, page.ErrToken) {
			t.Errorf("%q: got %v, want ErrToken", token, err)
		}
	}
}
