package host

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/wire"
)

func TestASessionIsNothingWithoutItsTokenAndLastsUntilItsEnd(t *testing.T) {
	t.Parallel()
	k, err := openKeys("", t.TempDir(), "123456789012")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	id, secret, token := k.session("111111111111", "deploy", now.Add(time.Hour))
	forever, _, endless := k.session("111111111111", "hook", time.Time{})
	task, _ := k.issue("111111111111", "task")
	if account, ok := k.made(id); !ok || account != "111111111111" {
		t.Errorf("%s is of account %q, %v", id, account, ok)
	}
	if known, ok := k.secretOf(id); !ok || known != secret {
		t.Errorf("the secret of %s: got %q, %v", id, known, ok)
	}
	for _, c := range []struct {
		what, id, token string
		after           time.Duration
		want            wire.TokenState
	}{
		{"its own", id, token, 0, wire.TokenGood},
		{"its own, in the last second", id, token, time.Hour, wire.TokenGood},
		{"its own, too late", id, token, time.Hour + time.Second, wire.TokenExpired},
		{"none", id, "", 0, wire.TokenWrong},
		{"another's", id, endless, 0, wire.TokenWrong},
		{"with another end", id, strings.ToUpper(token[:4]) + token[4:] + "AA", 0, wire.TokenWrong},
		{"no token at all", id, "!", 0, wire.TokenWrong},
		{"without end", forever, endless, 1_000_000 * time.Hour, wire.TokenGood},
		{"a task's", task, "", 0, wire.TokenGood},
		{"a task's with one", task, token, 0, wire.TokenWrong},
		{"one's of the file with one", "AKIDEXAMPLE", token, 0, wire.TokenWrong},
		{"one's of the file", "AKIDEXAMPLE", "", 0, wire.TokenGood},
	} {
		if got := k.tokenState(c.id, c.token, now.Add(c.after)); got != c.want {
			t.Errorf("%s: got %d, want %d", c.what, got, c.want)
		}
	}
}
