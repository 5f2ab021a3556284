package lb

import "testing"

func TestHalfOfTheCoresIsAtLeastOne(t *testing.T) {
	t.Parallel()
	for cores, want := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 16: 8} {
		if got := half(cores); got != want {
			t.Errorf("of %d cores %d are taken, want %d", cores, got, want)
		}
	}
}
