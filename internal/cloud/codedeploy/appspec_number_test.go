package codedeploy

import (
	"testing"

	"github.com/slipway-ecs/slipway/internal/source"
)

func TestANumberOfAnAppSpecIsWholeOrLeftOut(t *testing.T) {
	t.Parallel()
	if v, err := wholeOr0(nil); v != 0 || err != nil {
		t.Errorf("left out: %d, %v", v, err)
	}
	for text, want := range map[string]int32{"weight: 3": 3, "weight: \"2\"": 2, "weight: ten": -1, "weight: -1": -1, "weight: 1.5": -1} {
		doc, err := source.Parse("appspec.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		v, err := wholeOr0(doc.Root.Get("weight"))
		if want < 0 && err == nil || want >= 0 && (err != nil || v != want) {
			t.Errorf("%s: %d, %v", text, v, err)
		}
	}
}
