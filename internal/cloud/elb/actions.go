package elb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/pattern"
)

// action is what a rule does. Exactly one of Forward, Redirect and Fixed is set.
type action struct {
	Order    int32     `json:",omitempty"` // as sent; 0 where it was not
	Forward  *forward  `json:",omitempty"`
	Redirect *redirect `json:",omitempty"`
	Fixed    *fixed    `json:",omitempty"`
}

// forward names groups with weights of 0 to 999, and how long a client stays with its group.
type forward struct {
	Groups []balance.Weighted
	Sticky int32 `json:",omitempty"` // seconds, 1 to 604800; 0 where stickiness is off
	// BySource is stickiness of a listener of TCP, which knows no time.
	BySource bool `json:",omitempty"`
}

// redirect has all its members filled in: "#{…}" where they were not given. Query may be empty.
type redirect struct{ Protocol, Host, Port, Path, Query, Status string }

// fixed is a fixed response; nil members were not given.
type fixed struct {
	Status      string
	ContentType *string `json:",omitempty"`
	Body        *string `json:",omitempty"`
}

// groups gives the groups the action forwards to, each once.
func (a *action) groups() []string {
	if a.Forward == nil {
		return nil
	}
	all := make([]string, 0, len(a.Forward.Groups))
	for _, w := range a.Forward.Groups {
		if !slices.Contains(all, w.Group) {
			all = append(all, w.Group)
		}
	}
	return all
}

// routing are the action types that end a list of actions.
var routing = []types.ActionTypeEnum{types.ActionTypeEnumForward, types.ActionTypeEnumRedirect, types.ActionTypeEnumFixedResponse}

// newAction reads a list of actions of a listener of a protocol, which must come down to one that routes. Whether its groups
// exist and suit is checkGroups' business. Sources: elbv2.md 5.4 and 6.
func newAction(protocol string, in []types.Action) (action, error) {
	var routes []types.Action
	for _, a := range in {
		switch {
		case slices.Contains(routing, a.Type):
			routes = append(routes, a)
		case a.Type == types.ActionTypeEnumAuthenticateOidc, a.Type == types.ActionTypeEnumAuthenticateCognito, a.Type == types.ActionTypeEnumJwtValidation:
			if protocol == "HTTPS" {
				return action{}, misconfigured("Actions of type '%s' are not supported by this local cloud", a.Type)
			}
			return action{}, &types.UnsupportedProtocolException{Message: sentence("Actions of type '%s' are only supported on HTTPS listeners", []any{a.Type})}
		default:
			return action{}, constraint(a.Type, "actions.member.type", "satisfy enum value set: [forward, authenticate-oidc, authenticate-cognito, redirect, fixed-response, jwt-validation]")
		}
	}
	switch {
	case len(routes) == 0:
		return action{}, invalid("An action must be specified")
	case len(routes) > 1:
		return action{}, badAction("You can specify only one action of type 'forward', 'redirect' or 'fixed-response'")
	}
	return newRoute(routes[0], flows(protocol))
}

func newRoute(in types.Action, flows bool) (a action, err error) {
	if err := between(in.Order, "actions.member.order", 1, 50000); err != nil {
		return action{}, err
	}
	for _, m := range []struct {
		kind, member string
		given        bool
	}{
		{"forward", "TargetGroupArn", in.TargetGroupArn != nil && *in.TargetGroupArn != ""},
		{"forward", "ForwardConfig", in.ForwardConfig != nil},
		{"redirect", "RedirectConfig", in.RedirectConfig != nil},
		{"fixed-response", "FixedResponseConfig", in.FixedResponseConfig != nil},
		{"authenticate-oidc", "AuthenticateOidcConfig", in.AuthenticateOidcConfig != nil},
		{"authenticate-cognito", "AuthenticateCognitoConfig", in.AuthenticateCognitoConfig != nil},
		{"jwt-validation", "JwtValidationConfig", in.JwtValidationConfig != nil},
	} {
		if m.given && m.kind != string(in.Type) {
			return action{}, badAction("The '%s' member cannot be specified for an action of type '%s'", m.member, in.Type)
		}
	}
	a.Order = aws.ToInt32(in.Order)
	switch in.Type {
	case types.ActionTypeEnumForward:
		a.Forward, err = newForward(in, flows)
	case types.ActionTypeEnumRedirect:
		a.Redirect, err = newRedirect(in.RedirectConfig)
	case types.ActionTypeEnumFixedResponse:
		a.Fixed, err = newFixed(in.FixedResponseConfig)
	}
	return a, err
}

// newForward reads a forward action; flows says that it is of a listener of TCP.
func newForward(in types.Action, flows bool) (*forward, error) {
	alone := aws.ToString(in.TargetGroupArn)
	var tuples []types.TargetGroupTuple
	f := &forward{}
	if cfg := in.ForwardConfig; cfg != nil {
		tuples = cfg.TargetGroups
		if st := cfg.TargetGroupStickinessConfig; flows {
			f.BySource = st != nil && aws.ToBool(st.Enabled)
		} else if st != nil && aws.ToBool(st.Enabled) {
			if st.DurationSeconds == nil {
				return nil, invalid("A target group stickiness duration must be specified")
			}
			if *st.DurationSeconds < 1 || *st.DurationSeconds > 604800 {
				return nil, invalid("The target group stickiness duration must be between 1 and 604800 seconds, inclusive")
			}
			f.Sticky = *st.DurationSeconds
		}
	}
	switch {
	case alone == "" && len(tuples) == 0:
		return nil, invalid("A target group ARN must be specified")
	case alone != "" && len(tuples) == 0:
		tuples = []types.TargetGroupTuple{{TargetGroupArn: &alone}}
	case alone != "" && (len(tuples) > 1 || aws.ToString(tuples[0].TargetGroupArn) != alone):
		return nil, invalid("You can specify both 'TargetGroupArn' and 'ForwardConfig' only if the forward configuration has the same target group and no other")
	case len(tuples) > maxGroupsOfAction:
		return nil, invalid("A forward action can have at most '%d' target groups", maxGroupsOfAction)
	}
	for _, t := range tuples {
		arn, weight := aws.ToString(t.TargetGroupArn), int32(1)
		if t.Weight != nil {
			weight = *t.Weight
		}
		switch {
		case arn == "":
			return nil, invalid("A target group ARN must be specified")
		case weight < 0 || weight > 999:
			return nil, invalid("The weight for each target group must be between 0 and 999, inclusive")
		case slices.ContainsFunc(f.Groups, func(w balance.Weighted) bool { return w.Group == arn }):
			return nil, invalid("The target group '%s' is specified more than once in a forward action", arn)
		}
		f.Groups = append(f.Groups, balance.Weighted{Group: arn, Weight: int(weight)})
	}
	return f, nil
}

var placeholder = pattern.New(`#\{[^}]*\}`)

func newRedirect(in *types.RedirectActionConfig) (*redirect, error) {
	if in == nil {
		return nil, invalid("A redirect configuration must be specified")
	}
	r := &redirect{Protocol: "#{protocol}", Host: "#{host}", Port: "#{port}", Path: "/#{path}", Query: "#{query}", Status: string(in.StatusCode)}
	for _, m := range []struct {
		given *string
		into  *string
		empty bool
	}{{in.Protocol, &r.Protocol, false}, {in.Host, &r.Host, false}, {in.Port, &r.Port, false}, {in.Path, &r.Path, false}, {in.Query, &r.Query, true}} {
		if m.given != nil && (*m.given != "" || m.empty) {
			*m.into = *m.given
		}
	}
	if in.StatusCode != types.RedirectActionStatusCodeEnumHttp301 && in.StatusCode != types.RedirectActionStatusCodeEnumHttp302 {
		return nil, constraint(in.StatusCode, "actions.member.redirectConfig.statusCode", "satisfy enum value set: [HTTP_301, HTTP_302]")
	}
	if !slices.Contains([]string{"HTTP", "HTTPS", "#{protocol}"}, r.Protocol) {
		return nil, invalid("The redirect protocol '%s' must be one of '[HTTP,HTTPS,#{protocol}]'", r.Protocol)
	}
	if n, err := strconv.Atoi(r.Port); r.Port != "#{port}" && (err != nil || n < 1 || n > 65535) {
		return nil, invalid("The redirect port '%s' must be between 1 and 65535, or '#{port}'", r.Port)
	}
	if !strings.HasPrefix(r.Path, "/") {
		return nil, invalid("The redirect path '%s' must begin with '/'", r.Path)
	}
	for _, m := range []struct{ name, value, allowed string }{
		{"host", r.Host, "#{host}"},
		{"path", r.Path, "#{protocol} #{host} #{port} #{path}"},
		{"query", r.Query, "#{protocol} #{host} #{port} #{path} #{query}"},
	} {
		if len(m.value) > maxValue {
			return nil, invalid("The redirect %s is too long; the limit is '%d'", m.name, maxValue)
		}
		for _, p := range placeholder.FindAllString(m.value, -1) {
			if !slices.Contains(strings.Fields(m.allowed), p) {
				return nil, invalid("The redirect %s '%s' has an invalid placeholder '%s'", m.name, m.value, p)
			}
		}
	}
	if r.Protocol == "#{protocol}" && r.Host == "#{host}" && r.Port == "#{port}" && r.Path == "/#{path}" {
		return nil, badAction("The redirect configuration is not valid because it creates a loop")
	}
	return r, nil
}

var (
	fixedStatus = pattern.New(`^[245]\d\d$`)
	fixedTypes  = []string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}
)

func newFixed(in *types.FixedResponseActionConfig) (*fixed, error) {
	if in == nil {
		return nil, invalid("A fixed response configuration must be specified")
	}
	status := aws.ToString(in.StatusCode)
	switch {
	case !fixedStatus.MatchString(status):
		return nil, invalid("The fixed response status code '%s' must be 2XX, 4XX or 5XX", status)
	case in.ContentType != nil && *in.ContentType != "" && !slices.Contains(fixedTypes, *in.ContentType):
		return nil, invalid("The fixed response content type '%s' must be one of '[%s]'", *in.ContentType, strings.Join(fixedTypes, ","))
	case in.MessageBody != nil && len(*in.MessageBody) > 1024:
		return nil, invalid("The fixed response message body is too long; the limit is '1024'")
	}
	f := &fixed{Status: status, Body: in.MessageBody}
	if in.ContentType != nil && *in.ContentType != "" {
		f.ContentType = in.ContentType
	}
	return f, nil
}

// views gives the action as answers have it: a single group stands in TargetGroupArn and in
// ForwardConfig. Source: elbv2.md 5.1, seen on AWS.
func (a *action) views() []types.Action {
	v := types.Action{}
	if a.Order != 0 {
		v.Order = aws.Int32(a.Order)
	}
	switch {
	case a.Forward != nil:
		v.Type = types.ActionTypeEnumForward
		sticky := &types.TargetGroupStickinessConfig{Enabled: aws.Bool(a.Forward.Sticky > 0 || a.Forward.BySource)}
		if a.Forward.Sticky > 0 {
			sticky.DurationSeconds = aws.Int32(a.Forward.Sticky)
		}
		v.ForwardConfig = &types.ForwardActionConfig{TargetGroupStickinessConfig: sticky, TargetGroups: []types.TargetGroupTuple{}}
		for _, w := range a.Forward.Groups {
			v.ForwardConfig.TargetGroups = append(v.ForwardConfig.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String(w.Group), Weight: aws.Int32(int32(w.Weight))})
		}
		if len(a.Forward.Groups) == 1 {
			v.TargetGroupArn = aws.String(a.Forward.Groups[0].Group)
		}
	case a.Redirect != nil:
		r := *a.Redirect
		v.Type = types.ActionTypeEnumRedirect
		v.RedirectConfig = &types.RedirectActionConfig{Protocol: &r.Protocol, Host: &r.Host, Port: &r.Port, Path: &r.Path, Query: &r.Query, StatusCode: types.RedirectActionStatusCodeEnum(r.Status)}
	case a.Fixed != nil:
		f := *a.Fixed
		v.Type = types.ActionTypeEnumFixedResponse
		v.FixedResponseConfig = &types.FixedResponseActionConfig{StatusCode: &f.Status, ContentType: f.ContentType, MessageBody: f.Body}
	}
	return []types.Action{v}
}

// table gives the action as the data plane takes it.
func (a *action) table() balance.Action {
	switch {
	case a.Forward != nil:
		return balance.Action{Forward: &balance.Forward{Groups: slices.Clone(a.Forward.Groups), Sticky: seconds(int(a.Forward.Sticky)), BySource: a.Forward.BySource}}
	case a.Redirect != nil:
		r := a.Redirect
		code, err := strconv.Atoi(strings.TrimPrefix(r.Status, "HTTP_"))
		if err != nil {
			panic(fmt.Sprintf("elb: redirect status %q was not checked", r.Status))
		}
		return balance.Action{Redirect: &balance.Redirect{Code: code, Protocol: r.Protocol, Host: r.Host, Port: r.Port, Path: r.Path, Query: r.Query, NoQuery: r.Query == ""}}
	case a.Fixed != nil:
		code, err := strconv.Atoi(a.Fixed.Status)
		if err != nil {
			panic(fmt.Sprintf("elb: fixed status %q was not checked", a.Fixed.Status))
		}
		return balance.Action{Fixed: &balance.Fixed{Code: code, ContentType: aws.ToString(a.Fixed.ContentType), Body: aws.ToString(a.Fixed.Body)}}
	}
	panic("elb: an action does nothing")
}
