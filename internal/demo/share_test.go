package demo

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// canaryActs is an act of a canary, as readings of the weights saw it.
var canaryActs = []act{{from: "v1", to: "v2"}}

// saw gives a moment of canaryActs with what each version answered.
func saw(percent float64, old, green int) moment {
	return moment{phase: "v1 → v2", percent: percent, sent: old + green, by: map[string]int{"v1": old, "v2": green}}
}

func TestARequestBetweenTwoReadingsCountsToTheGreaterShare(t *testing.T) {
	t.Parallel()
	// The rule changes after the third reading and back after the sixth.
	got := spread([]moment{saw(0, 20, 0), saw(0, 20, 0), saw(0, 19, 1), saw(10, 18, 2), saw(10, 18, 2), saw(10, 19, 1), saw(0, 19, 1), saw(0, 20, 0)}, canaryActs)
	want := []Share{
		{Phase: "v1 → v2", Version: "v2", Percent: 0, Requests: 40, Answered: 0},
		{Phase: "v1 → v2", Version: "v2", Percent: 10, Requests: 120, Answered: 7},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAVersionThatAnswersBeyondItsShareBreaksThePromise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		share  Share
		within bool
	}{
		{"one request with no share", Share{Percent: 0, Requests: 5000, Answered: 1}, false},
		{"none with no share", Share{Percent: 0, Requests: 5000}, true},
		{"a tenth of a tenth", Share{Percent: 10, Requests: 2000, Answered: 212}, true},
		{"a sixth of a tenth", Share{Percent: 10, Requests: 2000, Answered: 333}, false},
		{"all of all", Share{Percent: 100, Requests: 2000, Answered: 2000}, true},
	} {
		if got := c.share.within(); got != c.within {
			t.Errorf("%s: within its share %t, not %t", c.name, got, c.within)
		}
	}
}

func TestWhatProductionMustNotSeeBreaksThePromiseByOneRequest(t *testing.T) {
	t.Parallel()
	for answered, want := range []bool{true, false} {
		d := &demo{held: true, o: Options{Tell: func(Event) {}}}
		d.judgeShares(act{from: "v2", to: "v3", hidden: true}, []Share{{Phase: "v2 → v3", Version: "v3", Percent: 0, Requests: 900, Answered: answered}})
		if d.held != want {
			t.Errorf("%d requests: held %t, not %t", answered, d.held, want)
		}
	}
}

func TestAnActWithoutReadingsHoldsNoPromise(t *testing.T) {
	t.Parallel()
	d := &demo{held: true, o: Options{Tell: func(Event) {}}}
	d.judgeShares(act{from: "v2", to: "v3", hidden: true}, nil)
	if d.held {
		t.Error("nothing was measured, and the promise held")
	}
}

func TestTheSampleTurnsBadAfterAsManyGoodAnswersAsItIsTold(t *testing.T) {
	t.Parallel()
	app := (&sample{version: "v4", good: 3, errors: 50, health: http.StatusOK}).handler()
	var got []int
	for range 7 {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		got = append(got, w.Code)
	}
	if want := []int{200, 200, 200, 200, 500, 200, 500}; !slices.Equal(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
}

func TestTrafficThatOnlyWobblesIsNoDifference(t *testing.T) {
	t.Parallel()
	share := 10.0
	look := func(old, green float64) Look {
		return Look{Share: &share, Traffic: []Traffic{{"v1", old}, {"v2", green}}}
	}
	if look(88, 12).Differs(look(91, 9)) {
		t.Error("three points of chance make a difference")
	}
	if !look(45, 55).Differs(look(90, 10)) {
		t.Error("45 points make none")
	}
	if gone := (Look{Share: &share, Traffic: []Traffic{{"v1", 100}}}); !gone.Differs(look(90, 10)) {
		t.Error("a version that answers no more makes no difference")
	}
}
