package ship

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// Balancers is what is needed of Elastic Load Balancing: the health of targets, and where a
// route leads. *elasticloadbalancingv2.Client is it.
type Balancers interface {
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
	DescribeRules(context.Context, *elb.DescribeRulesInput, ...func(*elb.Options)) (*elb.DescribeRulesOutput, error)
	DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
}

// Probe is a request that must be answered well, several times in a row.
type Probe struct {
	Route    string // test or production; "": test where there is a test route
	URL      string // in place of a route's load balancer
	Host     string // the Host header; "": the rule's, or the load balancer's name
	Path     string // "/" where left out
	From, To int    // the statuses that are well; 0 and 0 are 200 to 399
	Contains string // what the answer must hold
	Count    int    // good answers in a row; 0 is 1
	Every    time.Duration
}

const (
	probeTimeout = 10 * time.Second // for one answer
	probeBody    = 1 << 20          // of an answer that is looked at
	misses       = 3                // bad answers that fail a probe, if no good one came between
)

// probe asks until as many good answers came in a row as are wanted. A few bad ones at first
// count for nothing: a rule may take a moment to lead where it should.
func (w *work) probe(ctx context.Context, p Probe, say func(string)) error {
	to, err := w.route(ctx, p)
	if err != nil {
		return err
	}
	every := p.Every
	if every == 0 {
		every = time.Second
	}
	client := proberOf()
	defer client.CloseIdleConnections()
	good, bad := 0, 0
	for {
		what, err := ask(ctx, client, p, to)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			good, bad = 0, bad+1
			say(fmt.Sprintf("%s: %v", to.url, err))
			if bad == misses {
				return fail.Wrap(err, "probe.failed", "", "%d answers in a row were not as expected; the last", bad)
			}
		} else {
			good, bad = good+1, 0
			say(fmt.Sprintf("%s: %s (%d of %d)", to.url, what, good, max(1, p.Count)))
			if good >= p.Count {
				return nil
			}
		}
		if err := w.wait(ctx, every); err != nil {
			return err
		}
	}
}

// reach is where a probe goes.
type reach struct{ url, host string }

func ask(ctx context.Context, client *http.Client, p Probe, to reach) (string, error) {
	ctx, done := context.WithTimeout(ctx, probeTimeout)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.url, nil)
	if err != nil {
		return "", err
	}
	req.Host = to.host
	answer, err := client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, probeBody))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return "", err
	}
	from, upTo := p.From, p.To
	if from == 0 && upTo == 0 {
		from, upTo = 200, 399
	}
	if answer.StatusCode < from || answer.StatusCode > upTo {
		return "", fmt.Errorf("answered %s", answer.Status)
	}
	if !strings.Contains(string(body), p.Contains) {
		return "", fmt.Errorf("answered %s without %q", answer.Status, p.Contains)
	}
	return answer.Status, nil
}

// proberOf gives a client for probes: redirects are answers, names below .localhost are this
// machine (RFC 6761, 6.3), and whose certificate a test route has is not what is probed.
func proberOf() *http.Client {
	dial := (&net.Dialer{Timeout: probeTimeout}).DialContext
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a load balancer's own name is in no certificate
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
					address = net.JoinHostPort("127.0.0.1", port)
				}
				return dial(ctx, network, address)
			},
		},
	}
}

// route finds where a probe goes: a URL, or the listener of the service's test or production
// rule, by the load balancer's name, with the host that the rule asks for.
func (w *work) route(ctx context.Context, p Probe) (reach, error) {
	path := p.Path
	if path == "" {
		path = "/"
	}
	if p.URL != "" {
		u, err := url.Parse(p.URL)
		if err != nil {
			return reach{}, fail.Wrap(err, "probe.url", "", "the probe's URL")
		}
		if p.Path != "" {
			u = u.JoinPath(p.Path)
		}
		return reach{u.String(), p.Host}, nil
	}
	s, err := describe(ctx, w.api, w.r.Cluster, w.r.Service)
	if err != nil || s == nil {
		return reach{}, sdk.Explain(err, "describe service "+w.out.Service)
	}
	arn, err := w.routeArn(ctx, s, p.Route)
	if err != nil {
		return reach{}, err
	}
	if w.d.ELB == nil {
		return reach{}, fail.New("probe.route", "give the probe a 'url'", "load balancers cannot be asked for here")
	}
	host := p.Host
	listener := arn
	if strings.Contains(arn, ":listener-rule/") {
		listener = names.ListenerOfRule(arn)
		rules, err := w.d.ELB.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{arn}})
		if err != nil {
			return reach{}, sdk.Explain(err, "describe rule "+arn)
		}
		if host == "" && len(rules.Rules) > 0 {
			host = ruleHost(rules.Rules[0])
		}
	}
	ls, err := w.d.ELB.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{listener}})
	if err != nil || len(ls.Listeners) == 0 {
		return reach{}, sdk.Explain(err, "describe listener "+listener)
	}
	l := ls.Listeners[0]
	bs, err := w.d.ELB.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{aws.ToString(l.LoadBalancerArn)}})
	if err != nil || len(bs.LoadBalancers) == 0 {
		return reach{}, sdk.Explain(err, "describe load balancer "+aws.ToString(l.LoadBalancerArn))
	}
	scheme := "http"
	if l.Protocol == elbtypes.ProtocolEnumHttps {
		scheme = "https"
	}
	u := url.URL{Scheme: scheme, Host: fmt.Sprintf("%s:%d", aws.ToString(bs.LoadBalancers[0].DNSName), aws.ToInt32(l.Port))}
	if before, query, ok := strings.Cut(path, "?"); ok {
		u.Path, u.RawQuery = before, query
	} else {
		u.Path = path
	}
	return reach{u.String(), host}, nil
}

// routeArn gives the rule or listener of a route, as the service's engine knows it.
func (w *work) routeArn(ctx context.Context, s *types.Service, route string) (string, error) {
	if w.engine == nil {
		return routeOf(s.LoadBalancers, route)
	}
	for _, test := range []bool{true, false} {
		if test && route == "production" || !test && route == "test" {
			continue
		}
		if arn, err := w.engine.Route(ctx, w.start(""), test); err != nil || arn != "" {
			return arn, err
		}
	}
	return "", noRoute(route)
}

// routeOf gives the rule or listener of a route, where ECS itself moves traffic.
func routeOf(all []types.LoadBalancer, route string) (string, error) {
	for _, b := range all {
		a := b.AdvancedConfiguration
		if a == nil {
			continue
		}
		if route != "production" && aws.ToString(a.TestListenerRule) != "" {
			return *a.TestListenerRule, nil
		}
		if route != "test" && aws.ToString(a.ProductionListenerRule) != "" {
			return *a.ProductionListenerRule, nil
		}
	}
	return "", noRoute(route)
}

func noRoute(route string) error {
	if route == "" {
		route = "test or production"
	}
	return fail.New("probe.route", "give the probe a 'url', or the service a test route", "the service has no %s route to probe", route)
}

// ruleHost gives a host name that a rule's conditions accept, or "" where any will do.
func ruleHost(r elbtypes.Rule) string {
	for _, c := range r.Conditions {
		values := c.Values
		if c.HostHeaderConfig != nil {
			values = c.HostHeaderConfig.Values
		}
		if aws.ToString(c.Field) != "host-header" {
			continue
		}
		for _, v := range values {
			if !strings.ContainsAny(v, "*?") {
				return v
			}
		}
	}
	return ""
}

// hook does one of our hooks.
func (w *work) hook(ctx context.Context, h Hook, facts Outcome) error {
	say := func(line string) { w.say(Event{Kind: KindHook, Text: fmt.Sprintf("%s: %s", h.At, line)}) }
	switch {
	case h.Probe != nil:
		return w.probe(ctx, *h.Probe, say)
	case h.Task != "":
		if w.d.RunTask == nil {
			return fail.New("hook.task", "name it below 'tasks:' in slipway.yaml", "there is no task %q", h.Task)
		}
		return w.d.RunTask(ctx, h.Task, facts.Revision, say)
	}
	return command(ctx, h, facts.environment(h.At, w.d.Region), say)
}
