package lb

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
)

// visit sends a request with cookies and gives the answer's body and the cookies it set.
func visit(t *testing.T, url string, cookies ...*http.Cookie) (string, map[string]*http.Cookie) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	res, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]*http.Cookie{}
	for _, c := range res.Cookies() {
		set[c.Name] = c
	}
	return string(body), set
}

func TestAClientStaysWithItsGroupWhateverTheWeights(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	action := func(blue, green int) balance.Action {
		return balance.Action{Forward: &balance.Forward{Sticky: time.Hour, Groups: []balance.Weighted{{Group: "blue", Weight: blue}, {Group: "green", Weight: green}}}}
	}
	blue, green := group("blue", backend(t, "blue")), group("green", backend(t, "green"))
	url := c.serve(web(port, action(1, 0), blue, green))
	body, set := visit(t, url)
	if body != "blue" || set["AWSALBTG"] == nil || set["AWSALBTGCORS"] == nil {
		t.Fatalf("got %q and %v", body, set)
	}
	if o := set["AWSALBTG"]; o.Path != "/" || o.Expires.Before(time.Now().Add(6*24*time.Hour)) || o.Expires.After(time.Now().Add(8*24*time.Hour)) {
		t.Errorf("AWSALBTG is %v", o)
	}
	if o := set["AWSALBTGCORS"]; o.SameSite != http.SameSiteNoneMode || !o.Secure {
		t.Errorf("AWSALBTGCORS is %v", o)
	}
	c.serve(web(port, action(0, 1), blue, green))
	if body, set = visit(t, url, set["AWSALBTG"]); body != "blue" || set["AWSALBTG"] == nil {
		t.Errorf("after the weights moved a bound client met %q, cookies %v", body, set)
	}
	if body, _ := visit(t, url, set["AWSALBTGCORS"]); body != "blue" {
		t.Errorf("with the copy alone it met %q", body)
	}
	if body, _ := visit(t, url); body != "green" {
		t.Errorf("a new client met %q", body)
	}
	forged := *set["AWSALBTG"]
	forged.Value = strings.Repeat("A", len(forged.Value))
	if body, _ := visit(t, url, &forged); body != "green" {
		t.Errorf("with a forged cookie it met %q", body)
	}
	blue.Targets[0].Draining, blue.Targets[0].DrainUntil = true, time.Now().Add(time.Hour)
	c.serve(web(port, action(0, 1), blue, green))
	if body, _ := visit(t, url, set["AWSALBTG"]); body != "green" {
		t.Errorf("bound to a group that drains it met %q", body)
	}
}

func TestAClientStaysWithItsTargetWhileThatIsHealthy(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	port := freePort(t)
	g := group("web", backend(t, "one"), backend(t, "two"), backend(t, "three"))
	g.Sticky = balance.Sticky{For: time.Hour}
	url := c.serve(web(port, forward(balance.Weighted{Group: "web", Weight: 1}), g))
	first, set := visit(t, url)
	if set["AWSALB"] == nil || set["AWSALBCORS"] == nil || set["AWSALBTG"] != nil {
		t.Fatalf("got cookies %v", set)
	}
	mine := set["AWSALB"]
	for range 5 {
		if body, set := visit(t, url, mine); body != first || set["AWSALB"] == nil {
			t.Errorf("met %q, want %q again, and a new cookie: %v", body, first, set)
		}
	}
	for i, name := range []string{"one", "two", "three"} {
		if name == first {
			g.Targets[i].Healthy = false
		}
	}
	c.serve(web(port, forward(balance.Weighted{Group: "web", Weight: 1}), g))
	if body, _ := visit(t, url, mine); body == first {
		t.Errorf("met %q again, which is unhealthy", body)
	}
	g.Sticky.For = time.Nanosecond
	for i := range g.Targets {
		g.Targets[i].Healthy = true
	}
	c.serve(web(port, forward(balance.Weighted{Group: "web", Weight: 1}), g))
	seen := map[string]bool{}
	for range 3 {
		body, _ := visit(t, url, mine)
		seen[body] = true
	}
	if len(seen) != 3 {
		t.Errorf("after the stickiness had run out it met %v, want all three in turn", seen)
	}
}

func TestAnApplicationsCookieBindsWhenTheTargetSetsIt(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	login := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			}
			_, _ = w.Write([]byte(name))
		}
	}
	g := group("web", handler(t, login("one")), handler(t, login("two")))
	g.Sticky = balance.Sticky{For: time.Hour, Cookie: "session"}
	url := c.serve(web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), g))
	if _, set := visit(t, url); len(set) != 0 {
		t.Errorf("before the application's cookie it set %v", set)
	}
	first, set := visit(t, url+"/login")
	if set["AWSALBAPP-0"] == nil || set["AWSALBAPP-3"] == nil || set["AWSALBAPP-3"].Value != "_remove_" || set["session"] == nil || set["AWSALB"] != nil {
		t.Fatalf("got cookies %v", set)
	}
	for range 4 {
		if body, _ := visit(t, url, set["AWSALBAPP-0"], set["AWSALBAPP-1"]); body != first {
			t.Errorf("met %q, want %q", body, first)
		}
	}
}

func TestAccessLogsTellOfGroupCookiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.plane.journal.dir = t.TempDir()
	table := web(freePort(t), balance.Action{Forward: &balance.Forward{Sticky: time.Hour, Groups: []balance.Weighted{{Group: "blue", Weight: 1}}}}, group("blue", backend(t, "blue")))
	table.Balancers[0].AccessLog = true
	url := c.serve(table)
	_, set := visit(t, url)
	for _, cookie := range []*http.Cookie{{Name: "AWSALBTG", Value: "nonsense"}, set["AWSALBTG"]} {
		if body, _ := visit(t, url, cookie); body != "blue" {
			t.Errorf("with %v: got %q", cookie, body)
		}
	}
	var lines []string
	eventually(t, "the lines are written", func() bool {
		if err := c.plane.journal.turn(time.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(c.plane.journal.path(webARN))
		lines = strings.Split(string(text), "\n")
		return len(lines) == 4 // the last one ends too
	})
	for i, want := range []string{`"forward" "-" "-"`, `"forward" "-" "AWSALBTGCookieInvalid"`, `"forward" "-" "-"`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("request %d: got %s, want %s", i, lines[i], want)
		}
	}
}
