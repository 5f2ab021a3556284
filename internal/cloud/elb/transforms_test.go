package elb

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/store"
)

func rewrites(regex, replace string) []types.RewriteConfig {
	return []types.RewriteConfig{{Regex: &regex, Replace: &replace}}
}

func TestRulesKeepTheirTransforms(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Options{})
	blue := r.group("blue")
	l := r.listener(r.balancer("web"), 80, to(blue))
	host := types.RuleTransform{Type: "host-header-rewrite", HostHeaderRewriteConfig: &types.HostHeaderRewriteConfig{Rewrites: rewrites("^(.+)$", "in.$1")}}
	url := types.RuleTransform{Type: "url-rewrite", UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: rewrites("^/v1/", "/v2/")}}
	in := func(all ...types.RuleTransform) *elbv2.CreateRuleInput {
		return &elbv2.CreateRuleInput{ListenerArn: &l, Priority: aws.Int32(1), Conditions: []types.RuleCondition{onPath("/x")}, Actions: []types.Action{to(blue)}, Transforms: all}
	}
	for _, c := range []struct {
		all   []types.RuleTransform
		words string
	}{
		{[]types.RuleTransform{url, url}, "A rule can only have one 'url-rewrite' transform"},
		{[]types.RuleTransform{{Type: "url-rewrite"}}, "A 'url-rewrite' transform must have one rewrite"},
		{[]types.RuleTransform{{Type: "url-rewrite", HostHeaderRewriteConfig: host.HostHeaderRewriteConfig}}, ""},
		{[]types.RuleTransform{{Type: "path-rewrite", UrlRewriteConfig: url.UrlRewriteConfig}}, ""},
		{[]types.RuleTransform{{Type: "url-rewrite", UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: rewrites("(", "/")}}}, "The 'url-rewrite' regular expression '(' is not valid"},
		{[]types.RuleTransform{{Type: "url-rewrite", UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: rewrites("", "/")}}}, ""},
		{[]types.RuleTransform{{Type: "url-rewrite", UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: rewrites(strings.Repeat("a", 1025), "/")}}}, "The 'url-rewrite' transform is too long; the limit is '1024'"},
	} {
		refused(r, r.CreateRule, in(c.all...), "ValidationError", c.words)
	}
	rule := must(r, r.CreateRule, in(host, url)).Rules[0]
	if all := rule.Transforms; len(all) != 2 || all[0].Type != "host-header-rewrite" || *all[0].HostHeaderRewriteConfig.Rewrites[0].Replace != "in.$1" || all[0].UrlRewriteConfig != nil ||
		all[1].Type != "url-rewrite" || *all[1].UrlRewriteConfig.Rewrites[0].Regex != "^/v1/" || all[1].HostHeaderRewriteConfig != nil {
		t.Errorf("got %+v", all)
	}
	r.view(func(tx *store.Tx) {
		if all := r.Plane(tx).Balancers[0].Listeners[0].Rules[0].Rewrites; len(all) != 2 || all[1] != (balance.Rewrite{Of: balance.RewriteURL, Regex: "^/v1/", Replace: "/v2/"}) {
			t.Errorf("the table has %+v", all)
		}
	})
	must(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: rule.RuleArn, Conditions: []types.RuleCondition{onPath("/y")}})
	left := must(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: rule.RuleArn, Transforms: []types.RuleTransform{url}}).Rules[0]
	if len(left.Transforms) != 1 || left.Transforms[0].Type != "url-rewrite" || left.Conditions[0].Values[0] != "/y" {
		t.Errorf("with one of them: got %+v", left)
	}
	refused(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: rule.RuleArn, Transforms: []types.RuleTransform{url}, ResetTransforms: aws.Bool(true)}, "ValidationError", "")
	refused(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: rule.RuleArn, ResetTransforms: aws.Bool(false)}, "ValidationError", "Either conditions or actions must be specified")
	if left = must(r, r.ModifyRule, &elbv2.ModifyRuleInput{RuleArn: rule.RuleArn, ResetTransforms: aws.Bool(true)}).Rules[0]; len(left.Transforms) != 0 {
		t.Errorf("after the reset: got %+v", left)
	}
}
