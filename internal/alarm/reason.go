package alarm

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Created is the reason of a new alarm's state.
const Created = "Unchecked: Initial alarm creation"

const (
	reasonDate = "02/01/06 15:04:05"
	dataDate   = "2006-01-02T15:04:05.000-0700"
)

// Reason says why an alarm that was in state prev is in the state of a verdict, in CloudWatch's
// words. Times are told as wall gives them; nil tells them as they are.
//
// Source: captures of real alarms for real points and for missing ones alone; the sentence that
// mixes both, and the one of insufficient data, are put together from them.
func Reason(r Rule, v Verdict, prev State, wall func(time.Time) time.Time) string {
	if v.State == InsufficientData {
		return fmt.Sprintf("Insufficient Data: %s unknown.", count(v.Filled, "datapoint", "was", "were"))
	}
	shown := v.Points
	if v.State == Alarm {
		shown = nil
		for _, p := range v.Points {
			if r.Compare.Breaches(p.Value, r.Threshold) {
				shown = append(shown, p)
			}
		}
	}
	if len(shown) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %s and %s treated as %s.",
			count(v.Filled, "period", "", ""), count(v.Filled, "missing datapoint", "was", "were"), r.Missing.word())
	}
	var b strings.Builder
	short := r.Datapoints == 0 && r.Periods == 1
	if short || v.Filled > 0 {
		fmt.Fprintf(&b, "Threshold Crossed: %s ", count(len(shown), "datapoint", "", ""))
	} else {
		fmt.Fprintf(&b, "Threshold Crossed: %d out of the last %d datapoints ", len(shown), r.Periods)
	}
	b.WriteString("[")
	for i, p := range shown {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", Number(p.Value), told(p.At, wall).Format(reasonDate))
	}
	verb, not := "was", ""
	if len(shown) > 1 {
		verb = "were"
	}
	if v.State == OK {
		not = "not "
	}
	fmt.Fprintf(&b, "] %s %s%s the threshold (%s)", verb, not, r.Compare.words(), Number(r.Threshold))
	if v.Filled > 0 {
		fmt.Fprintf(&b, " and %s treated as %s", count(v.Filled, "missing datapoint", "was", "were"), r.Missing.word())
	}
	switch { // an alarm says the same of INSUFFICIENT_DATA as of OK
	case short || prev == v.State:
	case v.State == Alarm:
		fmt.Fprintf(&b, " (minimum %s for OK -> ALARM transition)", count(r.need(), "datapoint", "", ""))
	case prev == Alarm:
		fmt.Fprintf(&b, " (minimum %s for ALARM -> OK transition)", count(r.Periods-r.need()+1, "datapoint", "", ""))
	}
	return b.String() + "."
}

// word gives the treatment as reasons say it.
func (t Treatment) word() string {
	switch t {
	case AsBreaching:
		return "[Breaching]"
	case AsNotBreaching:
		return "[NonBreaching]"
	case AsIgnore:
		return "[Ignore]"
	}
	return "[Missing]"
}

// count gives "1 datapoint was", "2 datapoints were"; without verbs "1 datapoint", "2 datapoints".
func count(n int, noun, one, more string) string {
	verb := one
	if n != 1 {
		noun += "s"
		verb = more
	}
	if verb == "" {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %s %s", n, noun, verb)
}

// Data gives a verdict as StateReasonData, a JSON text, with the keys and their order of
// CloudWatch. Times are told as wall gives them; nil tells them as they are.
//
// recentDatapoints are oldest first, evaluatedDatapoints newest first with those missing last.
func Data(r Rule, v Verdict, at time.Time, wall func(time.Time) time.Time) string {
	type evaluated struct {
		Timestamp   string      `json:"timestamp"`
		SampleCount json.Number `json:"sampleCount,omitempty"`
		Value       json.Number `json:"value,omitempty"`
	}
	d := struct {
		Version   string        `json:"version"`
		QueryDate string        `json:"queryDate"`
		StartDate string        `json:"startDate,omitempty"`
		Unit      string        `json:"unit,omitempty"`
		Statistic string        `json:"statistic,omitempty"`
		Period    int           `json:"period"`
		Recent    []json.Number `json:"recentDatapoints"`
		Threshold json.Number   `json:"threshold"`
		Evaluated []evaluated   `json:"evaluatedDatapoints,omitempty"`
	}{
		Version: "1.0", QueryDate: told(at, wall).Format(dataDate), Unit: r.Unit, Statistic: r.Statistic.String(),
		Period: int(r.Period / time.Second), Recent: []json.Number{}, Threshold: json.Number(Number(r.Threshold)),
	}
	real := map[time.Time]bool{}
	for i, p := range v.Points {
		d.Recent = append(d.Recent, json.Number(Number(v.Points[len(v.Points)-1-i].Value)))
		e := evaluated{Timestamp: told(p.At, wall).Format(dataDate), Value: json.Number(Number(p.Value))}
		if p.Samples > 0 {
			e.SampleCount = json.Number(Number(p.Samples))
		}
		d.Evaluated = append(d.Evaluated, e)
		real[p.At] = true
	}
	if len(v.Points) > 0 {
		d.StartDate = told(v.Points[len(v.Points)-1].At, wall).Format(dataDate)
	}
	for slot, left := v.End.Add(-r.Period), v.Filled; left > 0 && !slot.Before(v.Start); slot = slot.Add(-r.Period) {
		if !real[slot] {
			d.Evaluated = append(d.Evaluated, evaluated{Timestamp: told(slot, wall).Format(dataDate)})
			left--
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic("alarm: reason data cannot be written: " + err.Error()) // all of it is finite
	}
	return string(text)
}

func told(at time.Time, wall func(time.Time) time.Time) time.Time {
	if wall != nil {
		at = wall(at)
	}
	return at.UTC()
}

// Number writes a number as CloudWatch does in texts, which is as Java writes a double: 7.0, 0.25,
// 1.0E7, 2.5E-4.
func Number(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		e := strings.TrimPrefix(exponent, "+")
		sign := ""
		if strings.HasPrefix(e, "-") {
			sign, e = "-", e[1:]
		}
		return mantissa + "E" + sign + strings.TrimLeft(e, "0")
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
