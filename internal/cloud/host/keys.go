package host

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/proc"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// keyring knows which account an access key belongs to, and its secret.
//
// An id of 12 digits is an account, as other emulators have it; ids made here carry their
// account and are signed, so they need not be kept; any other id is one of the key file's, or
// the default account.
type keyring struct {
	account string            // the default
	listed  map[string]listed // of the key file
	seed    []byte            // what secrets of ids made here are derived from
	strict  bool              // there is a key file: signatures are checked
}

type listed struct{ secret, account string }

// seedSize is how many bytes the seed has. One cut short would make keys that can be guessed.
const seedSize = 32

// The access key ids made here begin with AWS's prefix of temporary credentials, and tell those of
// tasks, which have no token, from those of sessions, which are nothing without theirs.
const (
	taskPrefix    = "ASIASLIP"
	sessionPrefix = "ASIASLIS"
)

// openKeys reads the key file, if any, and the seed kept in dir, which it makes the first time.
func openKeys(file, dir, account string) (*keyring, error) {
	k := &keyring{account: account, listed: map[string]listed{}, strict: file != ""}
	if file != "" {
		if err := k.read(file); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, "seed")
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed = make([]byte, seedSize)
		if _, err := rand.Read(seed); err != nil {
			return nil, err
		}
		err = proc.WriteFile(path, seed)
	}
	if err == nil && len(seed) != seedSize {
		return nil, fail.New("keys.bad_seed", "remove it: keys that tasks were given stop being valid, new ones are made",
			"%s has %d bytes, not %d", path, len(seed), seedSize)
	}
	if err != nil {
		return nil, unwritable(dir, err)
	}
	k.seed = seed
	return k, nil
}

func (k *keyring) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fail.Wrap(err, "keys.unreadable", "--keys wants a file with lines: access key id, secret, account", "cannot read the keys")
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		if len(fields) == 2 {
			fields = append(fields, k.account)
		}
		if len(fields) != 3 || !isAccount(fields[2]) {
			return fail.New("keys.bad_line", "write: AKIDEXAMPLE, secret, 123456789012", "%s:%d: want an access key id, a secret and an account of 12 digits", file, n)
		}
		k.listed[fields[0]] = listed{secret: fields[1], account: fields[2]}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if len(k.listed) == 0 {
		return fail.New("keys.empty", "write a line: AKIDEXAMPLE, secret, 123456789012", "%s has no keys", file)
	}
	return nil
}

// accountOf gives the account a key belongs to.
func (k *keyring) accountOf(id string) string {
	if isAccount(id) {
		return id
	}
	if l, ok := k.listed[id]; ok {
		return l.account
	}
	if account, ok := k.made(id); ok {
		return account
	}
	return k.account
}

// secretOf gives a key's secret; ok is false for a key nobody knows.
func (k *keyring) secretOf(id string) (secret string, ok bool) {
	if l, ok := k.listed[id]; ok {
		return l.secret, true
	}
	if _, ok := k.made(id); ok {
		return k.secret(id), true
	}
	return "", false
}

// issue makes a key of an account for a task. The same task always gets the same key.
func (k *keyring) issue(account, task string) (id, secret string) {
	return k.make(taskPrefix, account, task)
}

// session makes a key of an account for a bearer, with a token that is good until a time of the wall; the
// zero time is no end. The same bearer always gets the same key.
func (k *keyring) session(account, bearer string, until time.Time) (id, secret, token string) {
	id, secret = k.make(sessionPrefix, account, bearer)
	return id, secret, k.token(id, until)
}

func (k *keyring) make(prefix, account, bearer string) (id, secret string) {
	mark := k.sum("id", account, bearer)[:5]
	seal := k.sum("seal", account, string(mark))[:5]
	id = prefix + account + base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(append(mark, seal...))
	return id, k.secret(id)
}

// token makes the session token of a key: when it ends, and a seal.
func (k *keyring) token(id string, until time.Time) string {
	end := int64(0)
	if !until.IsZero() {
		end = until.Unix()
	}
	text := binary.BigEndian.AppendUint64(nil, uint64(end))
	return base64.RawURLEncoding.EncodeToString(append(text, k.sum("token", id, string(text))[:16]...))
}

// tokenState judges the session token that came with a key, "" where none did. Keys of the file and of
// tasks have none.
func (k *keyring) tokenState(id, token string, now time.Time) wire.TokenState {
	if !strings.HasPrefix(id, sessionPrefix) {
		if token != "" {
			return wire.TokenWrong
		}
		return wire.TokenGood
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(text) < 8 {
		return wire.TokenWrong
	}
	var until time.Time
	if end := int64(binary.BigEndian.Uint64(text)); end != 0 {
		until = time.Unix(end, 0)
	}
	switch {
	case !hmac.Equal([]byte(token), []byte(k.token(id, until))):
		return wire.TokenWrong
	case !until.IsZero() && now.After(until):
		return wire.TokenExpired
	}
	return wire.TokenGood
}

// made gives the account inside an id made here.
func (k *keyring) made(id string) (account string, ok bool) {
	rest, ok := strings.CutPrefix(id, taskPrefix)
	if !ok {
		rest, ok = strings.CutPrefix(id, sessionPrefix)
	}
	if !ok || len(rest) < 12 || !isAccount(rest[:12]) {
		return "", false
	}
	mark, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(rest[12:])
	if err != nil || len(mark) != 10 {
		return "", false
	}
	return rest[:12], hmac.Equal(mark[5:], k.sum("seal", rest[:12], string(mark[:5]))[:5])
}

func (k *keyring) secret(id string) string {
	return base64.RawURLEncoding.EncodeToString(k.sum("secret", id))[:40]
}

func (k *keyring) sum(parts ...string) []byte {
	h := hmac.New(sha256.New, k.seed)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }
