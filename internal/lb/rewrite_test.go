package lb

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/balance"
)

func TestTargetsGetWhatTheRulesTransformsMakeOfARequest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	served := handler(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Host+" "+r.RequestURI+" "+string(body))
	})
	table := web(freePort(t), forward(balance.Weighted{Group: "web", Weight: 1}), group("web", served))
	table.Balancers[0].PreserveHost = true // or the listener's port would be added
	l := &table.Balancers[0].Listeners[0]
	on := func(priority, path string, all ...balance.Rewrite) balance.Rule {
		return balance.Rule{ARN: "rule " + priority, Priority: priority, Conditions: []balance.Condition{{Field: balance.PathPattern, Values: []string{path}}}, Action: l.Rules[len(l.Rules)-1].Action, Rewrites: all}
	}
	l.Rules = append([]balance.Rule{
		on("1", "/v1/*", balance.Rewrite{Of: balance.RewriteURL, Regex: `^/v1/(.*)$`, Replace: "/v2/$1"}, balance.Rewrite{Of: balance.RewriteHost, Regex: `^(.*)\.test$`, Replace: "$1.in"}),
		on("2", "/bad/*", balance.Rewrite{Of: balance.RewriteURL, Regex: `^/bad/(.*)$`, Replace: "$1"}),
		on("3", "/other/*", balance.Rewrite{Of: balance.RewriteURL, Regex: `^/nothing$`, Replace: "/x"}),
	}, l.Rules...)
	url := c.serve(table)
	for path, want := range map[string]string{
		"/v1/a%20b?c=d": "200 shop.in /v2/a%20b?c=d body",
		"/bad/x":        "500 ",
		"/other/x":      "200 shop.test /other/x body",
		"/v1":           "200 shop.test /v1 body",
	} {
		r, _ := http.NewRequest("POST", url+path, strings.NewReader("body"))
		r.Host = "shop.test"
		res, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if got := res.Status[:4] + string(body); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
