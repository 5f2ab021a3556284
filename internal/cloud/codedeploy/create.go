package codedeploy

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/rollout"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/strategy"
)

const (
	mostDescription = 256
	wordLong        = "The description is too long: it may have at most 256 characters"
	wordBusy        = "The Deployment Group '%s' already has an active Deployment '%s'"

	// installLimit is how long a replacement task set may take to become healthy.
	installLimit = time.Hour
	// trouble is the gate that fails a deployment whatever its stage, once it has a Trouble.
	trouble = "codedeploy:trouble"
)

// CreateDeployment begins a deployment of a group's service to a revision, which it registers.
//
// Source: codedeploy.md 7.
func (s *Service) CreateDeployment(ctx context.Context, in *sdk.CreateDeploymentInput) (*sdk.CreateDeploymentOutput, error) {
	scope, id := scopeOf(ctx), ""
	if err := s.store.View(func(tx *store.Tx) error {
		_, err := s.groupOf(tx, scope, in.ApplicationName, in.DeploymentGroupName)
		return s.noApplications(tx, scope, err)
	}); err != nil {
		return nil, err
	}
	if len([]rune(text(in.Description))) > mostDescription {
		return nil, refuse("DescriptionTooLongException", "%s", wordLong)
	}
	l, err := s.locate(scope, in.Revision)
	if err != nil {
		return nil, err
	}
	if err := checkAlarms(in.OverrideAlarmConfiguration); err != nil {
		return nil, err
	}
	if err := checkRollback(in.AutoRollbackConfiguration); err != nil {
		return nil, err
	}
	err = s.store.Update(func(tx *store.Tx) error {
		g, err := s.groupOf(tx, scope, in.ApplicationName, in.DeploymentGroupName)
		if err != nil {
			return err
		}
		if l.content == "" && l.location.S3Location == nil { // the revision as GetDeployment gave it, by its hash
			r, err := s.described(tx, g.Application, in.Revision)
			if err != nil {
				return err
			}
			if l, err = s.locate(scope, cloud.Kept[*types.RevisionLocation](r.Location)); err != nil {
				return err
			}
		}
		spec, err := parseSpec(l.content)
		if err != nil {
			return err
		}
		d, err := s.begin(tx, &g, in, spec)
		if err != nil {
			return err
		}
		id = d.ID
		s.use(tx, &g, d, l)
		return nil
	})
	return &sdk.CreateDeploymentOutput{DeploymentId: new(id)}, err
}

// noApplications puts the refusal for an unknown application into the words CodeDeploy has for
// accounts without any.
func (s *Service) noApplications(tx *store.Tx, scope names.Scope, err error) error {
	if !isCode(err, "ApplicationDoesNotExistException") {
		return err
	}
	for a := range s.applications.All(tx) {
		if a.Scope == scope {
			return err
		}
	}
	return refuse("ApplicationDoesNotExistException", "Applications not found for %s", scope.Account)
}

// begin makes the row of a deployment that a user asks for, with all it takes from its group now.
func (s *Service) begin(tx *store.Tx, g *Group, in *sdk.CreateDeploymentInput, spec Spec) (*Deployment, error) {
	for d := range s.deployments.By(tx, "group", g.ID) {
		if d.active() {
			return nil, refuse("DeploymentLimitExceededException", wordBusy, g.Name, d.ID)
		}
	}
	for d := range s.deployments.By(tx, "active", g.Service) { // of a group that was deleted since
		return nil, refuse("DeploymentLimitExceededException", wordBusy, d.GroupName, d.ID)
	}
	info := cloud.Kept[types.DeploymentGroupInfo](g.Info)
	name := g.Config
	if text(in.DeploymentConfigName) != "" {
		name = *in.DeploymentConfigName
	}
	config, err := s.ecsConfig(tx, g.Scope, name)
	if err != nil {
		return nil, err
	}
	if err := checkGradual(config, info.LoadBalancerInfo); err != nil {
		return nil, err
	}
	rollback, alarms := info.AutoRollbackConfiguration, info.AlarmConfiguration
	if in.AutoRollbackConfiguration != nil {
		rollback = in.AutoRollbackConfiguration
	}
	if in.OverrideAlarmConfiguration != nil {
		alarms = in.OverrideAlarmConfiguration
	}
	a, _ := s.applications.Get(tx, g.Application)
	d := &Deployment{
		Scope: g.Scope, ID: s.newID(), Application: a.ID, ApplicationName: a.Name, Group: g.ID, GroupName: g.Name, Service: g.Service,
		ConfigName: name, Spec: spec, Status: created, Created: tx.Now(), Updated: tx.Now(), Was: g.Successful,
	}
	path := serviceParts(g.Service)
	d.Cluster, d.ServiceName = path[0], path[1]
	if rollback != nil && rollback.Enabled {
		d.Rollback = *rollback
	}
	if alarms != nil && alarms.Enabled {
		d.Strict = !alarms.IgnorePollAlarmFailure
		for _, alarm := range alarms.Alarms {
			d.Alarms = append(d.Alarms, text(alarm.Name))
		}
	}
	s.poll(tx, d)
	_, d.Production, d.Test = pairOf(info.LoadBalancerInfo)
	s.plan(d, config, info.BlueGreenDeploymentConfiguration)
	existing := in.FileExistsBehavior
	if existing == "" {
		existing = types.FileExistsBehaviorDisallow
	}
	shown := &types.DeploymentInfo{
		DeploymentConfigName: new(name), Creator: types.DeploymentCreatorUser, Description: in.Description,
		AutoRollbackConfiguration: rollback, OverrideAlarmConfiguration: in.OverrideAlarmConfiguration, TargetInstances: in.TargetInstances,
		IgnoreApplicationStopFailures: in.IgnoreApplicationStopFailures, UpdateOutdatedInstancesOnly: in.UpdateOutdatedInstancesOnly,
		DeploymentStyle: info.DeploymentStyle, BlueGreenDeploymentConfiguration: info.BlueGreenDeploymentConfiguration,
		LoadBalancerInfo: info.LoadBalancerInfo, FileExistsBehavior: existing, ComputePlatform: types.ComputePlatformEcs,
	}
	if was, ok := s.deployments.Get(tx, scoped(g.Scope, g.Successful)); ok {
		shown.PreviousRevision = cloud.Kept[types.DeploymentInfo](was.Info).Revision
	}
	d.Info = cloud.Keep(shown)
	return d, nil
}

// serviceParts gives cluster and name out of a service's ARN.
func serviceParts(arn string) (parts [2]string) {
	a, _ := names.ParseARN(arn)
	copy(parts[:], a.Path())
	return parts
}

// plan lays out a deployment: its stages for the core, and its life-cycle events as they are shown.
//
// Source: codedeploy.md 8.2, 9.
func (s *Service) plan(d *Deployment, config types.DeploymentConfigInfo, waits *types.BlueGreenDeploymentConfiguration) {
	plan := strategy.CodeDeploy{
		Common: strategy.Common{
			ID: d.ID, Desired: 1, Guards: append(slices.Clone(d.Alarms), trouble), Deadline: installLimit,
			Bake: time.Duration(waits.TerminateBlueInstancesOnDeploymentSuccess.TerminationWaitTimeInMinutes) * time.Minute,
			OnFail: rollout.Policies{ // the way back is a deployment of its own
				Breaker: rollout.Stop, Alarm: rollout.Stop, Gate: rollout.Stop, Deadline: rollout.Stop, Abort: rollout.Stop,
			},
		},
		Config: shiftOf(config), Test: d.Test != "",
		ReadyWait: waits.DeploymentReadyOption.ActionOnTimeout == types.DeploymentReadyActionStopDeployment,
	}
	d.Wait = time.Duration(waits.DeploymentReadyOption.WaitTimeInMinutes) * time.Minute
	for _, event := range hookEvents {
		plan.Hooked = append(plan.Hooked, rollout.Name(event))
	}
	d.Plan = *plan.Plan()
	for _, stage := range d.Plan.Stages {
		name := string(stage.Name)
		if isEvent(name) && !slices.ContainsFunc(d.Events, func(e Event) bool { return e.Name == name }) {
			d.Events = append(d.Events, Event{Name: name, Status: eventPending})
		}
	}
}

// isEvent reports whether a stage is a life-cycle event, and not one of the waits behind them.
func isEvent(stage string) bool {
	return stage != "" && stage != string(strategy.WaitForTraffic) && stage != string(strategy.WaitForTermination) && stage != string(strategy.Termination)
}

// use notes that a deployment uses a revision, and puts both.
func (s *Service) use(tx *store.Tx, g *Group, d *Deployment, l located) {
	r := s.register(tx, g.Application, l)
	if r.First.IsZero() {
		r.First = tx.Now()
	}
	if r.Last = tx.Now(); !slices.Contains(r.Groups, g.Name) {
		r.Groups = append(slices.Clone(r.Groups), g.Name)
	}
	s.revisions.Put(tx, r)
	shown := cloud.Kept[types.DeploymentInfo](d.Info)
	shown.Revision = brief(l.location)
	d.Info = cloud.Keep(&shown)
	g.Attempted, g.Revision = d.ID, cloud.Keep(shown.Revision)
	s.groups.Put(tx, *g)
	s.deployments.Put(tx, *d)
}

// newID makes a deployment's id: d- and 9 capital letters and digits. Source: codedeploy.md 1.
func (s *Service) newID() string {
	raw, err := hex.DecodeString(s.o.IDs.Hex(16))
	if err != nil {
		panic("codedeploy: " + err.Error())
	}
	word := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	return "d-" + word[len(word)-9:]
}
