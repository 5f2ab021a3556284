package lb

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestAccessLogsHaveALineForEachRequest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.plane.journal.dir = t.TempDir()
	g := group("arn:group", backend(t, "hello"))
	table := web(freePort(t), forward(balance.Weighted{Group: "arn:group", Weight: 1}), g)
	table.Balancers[0].AccessLog = true
	l := &table.Balancers[0].Listeners[0]
	l.Rules = append([]balance.Rule{
		{ARN: "fixed", Priority: "7", Conditions: []balance.Condition{{Field: balance.PathPattern, Values: []string{"/fixed"}}}, Action: balance.Action{Fixed: &balance.Fixed{Code: 404, Body: "no"}}},
	}, l.Rules...)
	url := c.serve(table)
	for _, path := range []string{"/a?b=c", "/fixed"} {
		r, _ := http.NewRequest("GET", url+path, nil)
		r.Host = "shop.test:8080"
		r.Header.Set("User-Agent", "with \"quotes\"")
		res, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	_ = raw(t, url, "POST / HTTP/1.1\r\nHost: x\r\nContent_Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	_ = raw(t, url, "GET /far HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+strings.Repeat("1.1.1.1,", 30)+"1.1.1.1\r\n\r\n")
	eventually(t, "the lines are written", func() bool {
		if err := c.plane.journal.turn(time.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(c.plane.journal.path(webARN))
		return strings.Count(string(text), "\n") == 4
	})
	if err := c.plane.journal.turn(time.Now(), 0); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(c.plane.journal.dir, AccessDir))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v %v", files, err)
	}
	if balancer, until, ok := ParseAccessName(files[0].Name()); !ok || balancer != webARN || time.Since(until) > time.Minute {
		t.Errorf("the file %q is of %q until %v, %v", files[0].Name(), balancer, until, ok)
	}
	text, err := os.ReadFile(filepath.Join(c.plane.journal.dir, AccessDir, files[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	const (
		at     = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`
		addr   = `127\.0\.0\.1:\d+`
		passed = `\d+\.\d{3}`
		agent  = `"with \\x22quotes\\x22" - - `
		trace  = ` "Root=1-[0-9a-f]{8}-[0-9a-f]{24}" "-" "-" `
		rest   = ` TID_[0-9a-f]{32} "-" "-" "-"`
	)
	for i, want := range []string{
		`^http ` + at + ` app/web/50dc6c495c0c9188 ` + addr + ` ` + addr + ` ` + passed + ` ` + passed + ` ` + passed + ` 200 200 \d+ \d+ "GET http://shop\.test:8080/a\?b=c HTTP/1\.1" ` +
			agent + `arn:group` + trace + `0 ` + at + ` "forward" "-" "-" "` + addr + `" "200" "-" "-"` + rest + `$`,
		`^http ` + at + ` app/web/50dc6c495c0c9188 ` + addr + ` - -1 -1 -1 404 - \d+ \d+ "GET http://shop\.test:8080/fixed HTTP/1\.1" ` +
			agent + `-` + trace + `7 ` + at + ` "fixed-response" "-" "-" "-" "-" "-" "-"` + rest + `$`,
		`^http ` + at + ` app/web/50dc6c495c0c9188 ` + addr + ` - -1 -1 -1 400 - \d+ \d+ "POST http://x:\d+/ HTTP/1\.1" "-" - - -` + trace + `- ` + at + ` "-" "-" "-" "-" "-" "Severe" "SuspiciousTeClPresent"` + rest + `$`,
		`^http ` + at + ` app/web/50dc6c495c0c9188 ` + addr + ` - -1 -1 -1 463 - \d+ \d+ "GET http://x:\d+/far HTTP/1\.1" "-" - - -` + trace + `- ` + at + ` "-" "-" "-" "-" "-" "-" "-"` + rest + `$`,
	} {
		if line := strings.Split(string(text), "\n")[i]; !regexp.MustCompile(want).MatchString(line) {
			t.Errorf("got  %s\nwant %s", line, want)
		}
	}
}
