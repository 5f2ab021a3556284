package ecs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// accountSettings are the settings there are, with what holds where nobody set them. They are
// kept and shown; none changes what this cloud does.
//
// Source: PutAccountSetting's documentation in the API model; the long ARN formats are always on.
var accountSettings = []struct{ name, value string }{
	{"awsvpcTrunking", "disabled"}, {"containerInsights", "disabled"}, {"containerInstanceLongArnFormat", "enabled"},
	{"defaultLogDriverMode", "non-blocking"}, {"fargateEventWindows", "disabled"}, {"fargateFIPSMode", "disabled"},
	{"fargateTaskRetirementWaitPeriod", "7"}, {"guardDutyActivate", "off"}, {"serviceLongArnFormat", "enabled"},
	{"tagResourceAuthorization", "off"}, {"taskLongArnFormat", "enabled"},
}

// PutAccountSetting sets an account setting for a principal, by default the account's root.
func (s *Service) PutAccountSetting(ctx context.Context, in *ecs.PutAccountSettingInput) (*ecs.PutAccountSettingOutput, error) {
	set, err := s.putSetting(ctx, in.Name, in.Value, text(in.PrincipalArn))
	return &ecs.PutAccountSettingOutput{Setting: set}, err
}

// PutAccountSettingDefault sets an account setting for all who have not set it.
func (s *Service) PutAccountSettingDefault(ctx context.Context, in *ecs.PutAccountSettingDefaultInput) (*ecs.PutAccountSettingDefaultOutput, error) {
	set, err := s.putSetting(ctx, in.Name, in.Value, "")
	return &ecs.PutAccountSettingDefaultOutput{Setting: set}, err
}

func (s *Service) putSetting(ctx context.Context, name types.SettingName, value *string, principal string) (*types.Setting, error) {
	if !slices.ContainsFunc(accountSettings, func(a struct{ name, value string }) bool { return a.name == string(name) }) {
		return nil, invalid("Invalid setting name: %s", name)
	}
	if text(value) == "" {
		return nil, invalid("The setting value must not be null or empty.")
	}
	if !slices.Contains(settingValues(string(name)), *value) {
		return nil, invalid("Invalid setting value: %s", *value) // unconfirmed wording
	}
	scope := scopeOf(ctx)
	if principal == "" {
		principal = rootARN(scope)
	}
	row := Setting{Key: settingKey(scope, principal, string(name)), Name: string(name), Value: *value, Principal: principal}
	err := s.o.Store.Update(func(tx *store.Tx) error { s.settings.Put(tx, row); return nil })
	return settingView(row), err
}

// settingValues are the values a setting may have, as PutAccountSetting's documentation in the API
// model lists them; those of most settings are one list.
func settingValues(name string) []string {
	switch name {
	case "defaultLogDriverMode":
		return []string{"blocking", "non-blocking"}
	case "fargateTaskRetirementWaitPeriod":
		return []string{"0", "7", "14"}
	}
	return []string{"enabled", "disabled", "enhanced", "on", "off"}
}

func settingKey(scope names.Scope, principal, name string) string {
	return scope.Account + "/" + scope.Region + "/" + principal + "/" + name
}

func settingView(r Setting) *types.Setting {
	return &types.Setting{Name: types.SettingName(r.Name), Value: new(r.Value), PrincipalArn: new(r.Principal), Type: types.SettingTypeUser}
}

// DeleteAccountSetting forgets a principal's setting.
func (s *Service) DeleteAccountSetting(ctx context.Context, in *ecs.DeleteAccountSettingInput) (*ecs.DeleteAccountSettingOutput, error) {
	scope, principal := scopeOf(ctx), text(in.PrincipalArn)
	if principal == "" {
		principal = rootARN(scope)
	}
	out := &ecs.DeleteAccountSettingOutput{Setting: &types.Setting{Name: in.Name, PrincipalArn: new(principal)}}
	err := s.o.Store.Update(func(tx *store.Tx) error {
		key := settingKey(scope, principal, string(in.Name))
		if r, ok := s.settings.Get(tx, key); ok {
			out.Setting = settingView(r)
		}
		s.settings.Delete(tx, key)
		return nil
	})
	return out, err
}

// settingsAPage is how many settings a page has at most, and where nobody asks for fewer.
//
// Source: the API model's ListAccountSettings.
const settingsAPage = 10

// ListAccountSettings lists what was set, or with effectiveSettings what holds.
func (s *Service) ListAccountSettings(ctx context.Context, in *ecs.ListAccountSettingsInput) (*ecs.ListAccountSettingsOutput, error) {
	scope, principal := scopeOf(ctx), text(in.PrincipalArn)
	if principal == "" {
		principal = rootARN(scope)
	}
	most := int(cmp.Or(in.MaxResults, settingsAPage))
	if most < 1 || most > settingsAPage {
		return nil, invalid("Invalid maxResults. Must be between 1 and %d, inclusive.", settingsAPage)
	}
	out := &ecs.ListAccountSettingsOutput{Settings: []types.Setting{}}
	err := s.o.Store.View(func(tx *store.Tx) error {
		for _, a := range accountSettings {
			row, ok := s.settings.Get(tx, settingKey(scope, principal, a.name))
			if !ok && in.EffectiveSettings {
				if row, ok = s.settings.Get(tx, settingKey(scope, rootARN(scope), a.name)); !ok {
					row, ok = Setting{Name: a.name, Value: a.value}, true
				}
				row.Principal = principal
			}
			if !ok || in.Name != "" && string(in.Name) != a.name || text(in.Value) != "" && text(in.Value) != row.Value {
				continue
			}
			out.Settings = append(out.Settings, *settingView(row))
		}
		slices.SortFunc(out.Settings, func(a, b types.Setting) int { return strings.Compare(string(a.Name), string(b.Name)) })
		part, next, err := page.Cut(out.Settings, func(x *types.Setting) string { return string(x.Name) }, text(in.NextToken), most)
		if err != nil {
			return badToken()
		}
		out.Settings, out.NextToken = part, orNil(next)
		return nil
	})
	return out, err
}
