package wire

import (
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/slipway-ecs/slipway/internal/shapes"
)

// Times translates timestamps between the wall's time, which clients live in, and the time the
// rooms live in. A nil function translates nothing.
type Times struct {
	In  func(time.Time) time.Time // of a request: wall's to internal
	Out func(time.Time) time.Time // of an answer: internal to wall's
}

// in gives the internal time of a timestamp just decoded. Every timestamp of every protocol comes
// through here.
func (t Times) in(at time.Time) time.Time {
	if t.In != nil {
		at = t.In(at)
	}
	return at.UTC()
}

// out gives the wall's time of a timestamp about to be encoded, in whole milliseconds. Every
// timestamp of every protocol goes through here.
func (t Times) out(at time.Time) time.Time {
	if t.Out != nil {
		at = t.Out(at)
	}
	return at.UTC().Truncate(time.Millisecond)
}

// number translates a plain number that is a time, to the nearest: rounded down, what a client
// sent would come back a millisecond earlier wherever internal time is faster than the wall's.
// Zero is no time: it stays.
func number(n int64, unit shapes.Epoch, translate func(time.Time) time.Time) int64 {
	if translate == nil || n <= 0 {
		return n
	}
	if unit == shapes.Seconds {
		return translate(time.Unix(n, 0)).Round(time.Second).Unix()
	}
	return translate(time.UnixMilli(n)).Round(time.Millisecond).UnixMilli()
}

// maxEpoch bounds seconds since 1970 to years of four digits.
const maxEpoch = 253402300799

// fromEpoch gives the time of seconds since 1970, to the millisecond; ok is false beyond years of
// four digits.
func fromEpoch(seconds float64) (at time.Time, ok bool) {
	if !(math.Abs(seconds) <= maxEpoch) { // false for NaN too
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), true
}

// appendEpoch writes seconds since 1970 with milliseconds where there are any.
func appendEpoch(dst []byte, at time.Time) []byte {
	ms := at.UnixMilli()
	if ms < 0 {
		return strconv.AppendFloat(dst, float64(ms)/1000, 'f', -1, 64)
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	ms %= 1000
	if ms == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+ms/100))
	if ms%100 != 0 {
		dst = append(dst, byte('0'+ms/10%10))
	}
	if ms%10 != 0 {
		dst = append(dst, byte('0'+ms%10))
	}
	return dst
}

const isoMillis = "2006-01-02T15:04:05.000Z"

// parseISO reads the forms of ISO 8601 that clients send.
func parseISO(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// timeIn gives the time that v holds, without an allocation where v can be pointed at.
func timeIn(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

// setInt puts a number into an integer field; false where it does not fit.
func setInt(v reflect.Value, n int64) bool {
	if v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

// parseFloat reads a number, or NaN and the infinities as AWS writes them.
func parseFloat(s string) (float64, error) {
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if s == "" || (s[0] != '-' && s[0] != '+' && s[0] != '.' && (s[0] < '0' || s[0] > '9')) {
		return 0, strconv.ErrSyntax // "inf", "0x1p4" and their like are not AWS's
	}
	return strconv.ParseFloat(s, 64)
}

// appendFloat writes a number in the shortest form that reads back the same, whole ones with .0 as
// AWS does (Python's clients take 5 for an integer); NaN and the infinities as words, without
// quotes.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if format == 'f' && f == math.Trunc(f) {
		dst = append(dst, '.', '0')
	}
	return dst
}
