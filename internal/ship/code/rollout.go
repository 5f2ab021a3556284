package code

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
	"github.com/slipway-ecs/slipway/internal/ship"
)

const (
	installs  = time.Hour        // how long the new task set may take to be healthy, by CodeDeploy
	callbacks = time.Hour        // how long a hook may take
	spare     = 10 * time.Minute // for what has no limit of its own
	// undoing is how long after a bad end its rollback deployment may take to be named, and after a
	// rollback ECS to show the old task set as the PRIMARY one.
	undoing = 10 * time.Second
)

// rollout is a deployment of CodeDeploy's, watched by the deployment and its target in turn.
type rollout struct {
	e  *Engine
	s  ship.Start
	id string

	shares []int32       // of the steps, in percent
	every  time.Duration // between them

	turn      int
	info      *types.DeploymentInfo
	target    *types.ECSTarget
	revisions map[string]string // task set id → family:revision
	told      map[string]string // life-cycle event → status
	line      ship.Progress
	moved     bool
	asked     bool      // we asked for a rollback
	ended     time.Time // when a bad end was first seen
	undo      string    // the rollback deployment followed now
	back      time.Time // when it had succeeded
}

// rollout takes up a deployment.
func (e *Engine) rollout(ctx context.Context, s ship.Start, g *types.DeploymentGroupInfo, id string) *rollout {
	r := &rollout{e: e, s: s, id: id, revisions: map[string]string{}, told: map[string]string{}, shares: []int32{100}}
	name := g.DeploymentConfigName
	if d, err := e.read(ctx, id); err == nil && d.DeploymentConfigName != nil {
		name = d.DeploymentConfigName
	}
	// Without its configuration only the time of the next step is not known.
	if out, err := e.CodeDeploy.GetDeploymentConfig(ctx, &codedeploy.GetDeploymentConfigInput{DeploymentConfigName: name}); err == nil && out.DeploymentConfigInfo != nil {
		r.shares, r.every = steps(out.DeploymentConfigInfo.TrafficRoutingConfig)
	}
	return r
}

func (r *rollout) say(e ship.Event) {
	e.At, e.Deployment = r.s.Clock.Now(), r.id
	r.s.Tell(e)
}

// Look reads the deployment and its target in turn, or, once it has ended badly, the rollback deployment that
// follows it.
func (r *rollout) Look(ctx context.Context) (ship.Sight, error) {
	r.moved = false
	r.turn++
	s, err := r.look(ctx)
	s.Deployment, s.Revision = r.id, r.s.Revision
	s.Moved = r.moved
	return s, err
}

func (r *rollout) look(ctx context.Context) (ship.Sight, error) {
	if r.undo != "" {
		return r.lookBack(ctx)
	}
	changed := false // then its events have too, and are told before where it stands
	if r.info == nil || r.turn%2 == 1 {
		d, err := r.e.read(ctx, r.id)
		if err != nil {
			return ship.Sight{}, err
		}
		if r.info == nil || r.info.Status != d.Status {
			r.moved, changed = true, true
		}
		r.info = d
	}
	over := !slices.Contains(going, r.info.Status)
	if r.target == nil || over || changed || r.turn%2 == 0 {
		if err := r.readTarget(ctx, r.id); err != nil {
			return ship.Sight{}, err
		}
	}
	if over {
		return r.end(ctx)
	}
	return r.sight(), nil
}

// readTarget reads events and task sets, and tells what is new.
func (r *rollout) readTarget(ctx context.Context, id string) error {
	t, err := r.e.target(ctx, r.s.Service, id)
	switch sdk.Code(err) {
	case "DeploymentNotStartedException", "DeploymentTargetDoesNotExistException":
		return nil // it has just begun, or has the service by another name: its own status tells the rest
	}
	if err != nil || t == nil {
		return err
	}
	if id == r.id {
		r.target = t
	}
	for _, e := range t.LifecycleEvents {
		key, status := id+" "+aws.ToString(e.LifecycleEventName), string(e.Status)
		if r.told[key] == status || status == string(types.LifecycleEventStatusPending) {
			continue
		}
		r.told[key], r.moved = status, true
		if id == r.id && status != string(types.LifecycleEventStatusSkipped) {
			r.say(ship.Event{Kind: ship.KindService, Text: fmt.Sprintf("%s %s", aws.ToString(e.LifecycleEventName), words(status))})
		}
	}
	if slices.ContainsFunc(t.TaskSetsInfo, func(s types.ECSTaskSet) bool { return r.revisions[aws.ToString(s.Identifer)] == "" }) {
		if s, err := r.e.service(ctx, r.s); err == nil { // without it, ids stand for revisions
			for _, set := range s.TaskSets {
				r.revisions[aws.ToString(set.Id)] = last(aws.ToString(set.TaskDefinition))
			}
		}
	}
	r.progress(t)
	return nil
}

// words gives a status as people say it.
func words(status string) string {
	if status == string(types.LifecycleEventStatusInProgress) {
		return "begins"
	}
	return strings.ToLower(status)
}

// progress tells counts and shares, if they differ from what was told last.
func (r *rollout) progress(t *types.ECSTarget) {
	p := ship.Progress{Status: string(r.info.Status), Stage: stage(r.info, t), Desired: int(r.s.Service.DesiredCount)}
	if p.Status == string(types.DeploymentStatusCreated) {
		p.Status = string(types.DeploymentStatusInProgress) // a target is told of once it has begun
	}
	if r.undo != "" {
		p.Status, p.Stage = "ROLLING_BACK", ""
	}
	for _, s := range t.TaskSetsInfo {
		id, share := aws.ToString(s.Identifer), s.TrafficWeight
		name := r.revisions[id]
		if name == "" {
			name = id
		}
		side := ship.Side{ID: id, Revision: name, Status: aws.ToString(s.Status), Ours: s.TaskSetLabel == types.TargetLabelGreen,
			Desired: int(s.DesiredCount), Running: int(s.RunningCount), Pending: int(s.PendingCount), Production: &share}
		if side.Ours {
			p.Sides = append([]ship.Side{side}, p.Sides...)
		} else {
			p.Sides = append(p.Sides, side)
		}
	}
	if len(p.Sides) == 0 || reflect.DeepEqual(p, r.line) {
		return
	}
	r.line, r.moved = p, true
	counts := p
	if counts.Stage != readyWait && counts.Stage != terminationWait && counts.Stage != "" {
		counts.Stage, counts.Status = "", ""
	}
	text := counts.Line()
	if counts.Stage != p.Stage {
		text = p.Stage + ": " + text
	}
	r.say(ship.Event{Kind: ship.KindProgress, Text: text, Progress: &p})
}

// stage gives the event that is under way, or the wait.
func stage(d *types.DeploymentInfo, t *types.ECSTarget) string {
	if d.Status == types.DeploymentStatusReady {
		return readyWait
	}
	if d.InstanceTerminationWaitTimeStarted {
		return terminationWait
	}
	name := string(d.Status)
	if t == nil {
		return name
	}
	for _, e := range t.LifecycleEvents {
		switch e.Status {
		case types.LifecycleEventStatusInProgress, types.LifecycleEventStatusFailed:
			return aws.ToString(e.LifecycleEventName)
		case types.LifecycleEventStatusSucceeded:
			name = aws.ToString(e.LifecycleEventName)
		}
	}
	return name
}

const (
	readyWait       = string(types.DeploymentWaitTypeReadyWait)
	terminationWait = string(types.DeploymentWaitTypeTerminationWait)
)

// point gives the last point that a deployment has passed.
func point(d *types.DeploymentInfo, t *types.ECSTarget) ship.Point {
	if d.Status == types.DeploymentStatusReady {
		return ship.PointBeforeShift
	}
	at := ship.PointRegistered
	if t == nil {
		return at
	}
	for _, e := range t.LifecycleEvents {
		name := aws.ToString(e.LifecycleEventName)
		if name == "BeforeAllowTraffic" && e.Status != types.LifecycleEventStatusPending {
			at = ship.PointBeforeShift
		}
		if e.Status != types.LifecycleEventStatusSucceeded {
			continue
		}
		switch name {
		case "Install":
			at = ship.PointScaled
		case "AllowTestTraffic":
			at = ship.PointTestTraffic
		case "AllowTraffic":
			at = ship.PointShifted
		}
	}
	return at
}

// sight tells how it stands while it goes on.
func (r *rollout) sight() ship.Sight {
	w := waitsOf(r.info.BlueGreenDeploymentConfiguration, r.info.LoadBalancerInfo)
	s := ship.Sight{Stage: stage(r.info, r.target), Point: point(r.info, r.target), Due: r.due(w),
		Limit: installs + time.Duration(len(events))*callbacks + time.Duration(len(r.shares)-1)*r.every + w.ready + w.termination + spare}
	if r.info.Status == types.DeploymentStatusReady && !r.asked {
		p := ship.Pause{ID: r.id + "/" + readyWait, Stage: readyWait, Point: ship.PointBeforeShift, Then: "ROLLBACK"}
		if at := r.finished(); !at.IsZero() && w.ready > 0 {
			p.Expires = at.Add(w.ready)
		}
		s.Pauses = []ship.Pause{p}
	}
	return s
}

// finished gives when the last event that is over ended; zero where none is.
func (r *rollout) finished() (at time.Time) {
	if r.target == nil {
		return at
	}
	for _, e := range r.target.LifecycleEvents {
		if e.EndTime != nil && e.EndTime.After(at) {
			at = *e.EndTime
		}
	}
	return at
}

// due gives when CodeDeploy does something by itself.
func (r *rollout) due(w waits) time.Time {
	at := r.finished()
	switch {
	case r.target == nil || at.IsZero():
		return time.Time{}
	case r.info.Status == types.DeploymentStatusReady && w.ready > 0:
		return at.Add(w.ready)
	case r.info.InstanceTerminationWaitTimeStarted:
		return at.Add(w.termination)
	}
	for _, e := range r.target.LifecycleEvents {
		if aws.ToString(e.LifecycleEventName) != "AllowTraffic" || e.Status != types.LifecycleEventStatusInProgress || e.StartTime == nil || r.every == 0 {
			continue
		}
		for i := range r.shares {
			if step := e.StartTime.Add(time.Duration(i) * r.every); step.After(r.s.Clock.Now()) {
				return step
			}
		}
	}
	return time.Time{}
}

// Stop ends the deployment where it is and has it rolled back.
func (r *rollout) Stop(ctx context.Context) error {
	err := r.e.CodeDeploy.Stop(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &r.id, AutoRollbackEnabled: aws.Bool(true)})
	if sdk.Code(err) == "DeploymentAlreadyCompletedException" {
		return fail.New("abort.over", "", "the deployment has ended already")
	}
	if err == nil {
		r.asked = true
	}
	return sdk.Explain(err, "stop "+r.id)
}

// Answer ends the wait before production traffic moves: it goes on, or is stopped and rolled back.
func (r *rollout) Answer(ctx context.Context, pause string, goOn bool) error {
	var err error
	if goOn {
		err = r.e.CodeDeploy.Continue(ctx, &codedeploy.ContinueDeploymentInput{DeploymentId: &r.id, DeploymentWaitType: types.DeploymentWaitTypeReadyWait})
	} else if err = r.Stop(ctx); fail.Is(err, "abort.over") {
		return fail.New("pause.over", "`slipway status` shows how it stands", "pause %s: the deployment has ended already", pause)
	}
	switch sdk.Code(err) {
	case "DeploymentIsNotInReadyStateException", "DeploymentAlreadyCompletedException":
		return fail.New("pause.over", "`slipway status` shows how it stands", "pause %s: %s", pause, sdk.Words(err))
	}
	if err == nil {
		r.info = nil // what was read still waits
	}
	if fail.Of(err) != nil {
		return err
	}
	return sdk.Explain(err, "answer "+pause)
}
