package lb

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// The cookies that bind clients. Source: ELBv2 guide, "Sticky sessions".
const (
	groupCookie  = "AWSALBTG"
	targetCookie = "AWSALB"
	appCookie    = "AWSALBAPP-"
	// corsCopy is added to the name of the copy that cross-site requests send too; it wins.
	corsCopy = "CORS"
	// appCookies is how many cookies an application's stickiness may take, one of them here.
	appCookies = 4
	// unusedCookie is the value of those that are not needed (from memory; unconfirmed).
	unusedCookie = "_remove_"
	// cookieLife is how far ahead cookies expire, whatever the stickiness lasts.
	cookieLife = 7 * 24 * time.Hour
)

// bond says what a cookie binds a client to: a group, or a target of one.
type bond struct {
	group, target string
	port          int
	since         time.Time
}

// seals closes and opens the cookies of one balancer. The key is made of the balancer's name, so
// that cookies outlive this process.
type seals struct{ aead cipher.AEAD }

func newSeals(balancer string) seals {
	key := sha256.Sum256([]byte("slipway sticky " + balancer))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // of a key of 32 bytes there is none
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // likewise
	}
	return seals{aead}
}

// seal gives a cookie's value for a bond; kind is the cookie it is for.
func (s seals) seal(kind string, b bond) string {
	text := binary.BigEndian.AppendUint64(nil, uint64(b.since.UnixMilli()))
	text = append(text, strings.Join([]string{b.group, b.target, strconv.Itoa(b.port)}, "|")...)
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(text)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, text, []byte(kind)))
}

// open gives the bond of a cookie's value; false where it is not of this balancer and kind.
func (s seals) open(kind, value string) (bond, bool) {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return bond{}, false
	}
	text, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], []byte(kind))
	if err != nil || len(text) < 8 {
		return bond{}, false
	}
	parts := strings.Split(string(text[8:]), "|")
	if len(parts) != 3 {
		return bond{}, false
	}
	port, err := strconv.Atoi(parts[2])
	return bond{parts[0], parts[1], port, time.UnixMilli(int64(binary.BigEndian.Uint64(text)))}, err == nil
}

// bound gives what a request's cookies of a kind bind its client to, for at most d after the
// cookie was made.
func (d *door) bound(r *http.Request, kind string, length time.Duration) (bond, bool) {
	names := []string{kind + corsCopy, kind}
	if kind == appCookie {
		names = []string{appCookie + "0"}
	}
	for _, name := range names {
		c, err := r.Cookie(name)
		if err != nil {
			continue
		}
		if b, ok := d.seals.open(kind, c.Value); ok && time.Since(b.since) <= length {
			return b, true
		}
	}
	return bond{}, false
}

// unreadable reports whether a request has a cookie of a kind and none that this balancer made.
func (d *door) unreadable(r *http.Request, kind string) bool {
	found := false
	for _, name := range []string{kind + corsCopy, kind} {
		if c, err := r.Cookie(name); err == nil {
			found = true
			if _, ok := d.seals.open(kind, c.Value); ok {
				return false
			}
		}
	}
	return found
}

// choose gives the pool a request goes to: the one its client is bound to, or one by weight. A
// weight of 0 does not end a bond (unconfirmed); a group without a target to take requests does.
func (x *exchange) choose(r *http.Request) *pool {
	d, f := x.door, x.rule.Action.Forward
	if f.Sticky > 0 {
		b, ok := d.bound(r, groupCookie, f.Sticky)
		if !ok && d.unreadable(r, groupCookie) {
			x.reason = "AWSALBTGCookieInvalid"
		}
		if ok {
			for _, w := range f.Groups {
				if w.Group == b.group && d.pools[b.group] != nil && d.pools[b.group].takes() {
					return d.pools[b.group]
				}
			}
		}
	}
	arn, ok := f.Choose(d.turns[x.rule].Add(1) * balance.Golden)
	if !ok {
		return nil
	}
	return d.pools[arn]
}

// takes reports whether some target of the pool is healthy and stays.
func (p *pool) takes() bool {
	for i := range p.group.Targets {
		if t := &p.group.Targets[i]; t.Healthy && !t.Draining {
			return true
		}
	}
	return false
}

// sticky is how a client stays with a target of the exchange's pool: not at all with an
// application's cookie where several groups have weights, as the guide says.
func (x *exchange) sticky() (s balance.Sticky, kind string) {
	s, kind = x.pool.group.Sticky, targetCookie
	if s.Cookie != "" {
		if kind = appCookie; len(x.rule.Action.Forward.Groups) > 1 {
			return balance.Sticky{}, kind
		}
	}
	return s, kind
}

// faithful gives the target that the client is bound to, where it still takes requests.
func (x *exchange) faithful(r *http.Request) (index int, ok bool) {
	s, kind := x.sticky()
	if s.For == 0 {
		return 0, false
	}
	b, ok := x.door.bound(r, kind, s.For)
	if !ok || b.group != x.pool.group.ARN {
		return 0, false
	}
	return x.pool.group.Takes(b.target, b.port)
}

// bind adds the cookies that bind the client to what it was given.
func (x *exchange) bind(h http.Header, set []string) {
	now := time.Now()
	if x.rule.Action.Forward.Sticky > 0 {
		x.setCookies(h, groupCookie, bond{group: x.pool.group.ARN, since: now})
	}
	s, kind := x.sticky()
	if s.For == 0 {
		return
	}
	b := bond{x.pool.group.ARN, x.target.id, x.target.port, now}
	if s.Cookie == "" {
		x.setCookies(h, kind, b)
		return
	}
	for _, line := range set {
		if name, _, _ := strings.Cut(line, "="); strings.TrimSpace(name) != s.Cookie {
			continue
		}
		value := x.door.seals.seal(kind, b)
		for n := range appCookies {
			addCookie(h, appCookie+strconv.Itoa(n), value, "")
			value = unusedCookie
		}
		return
	}
}

// setCookies adds a cookie and its copy for cross-site requests.
func (x *exchange) setCookies(h http.Header, kind string, b bond) {
	value := x.door.seals.seal(kind, b)
	addCookie(h, kind, value, "")
	addCookie(h, kind+corsCopy, value, "; SameSite=None; Secure")
}

func addCookie(h http.Header, name, value, more string) {
	h.Add("Set-Cookie", name+"="+value+"; Expires="+time.Now().Add(cookieLife).UTC().Format(http.TimeFormat)+"; Path=/"+more)
}
