package look

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/ship"
	"github.com/slipway-ecs/slipway/internal/ship/explain"
)

// NoGroup is the code of a Driver's error that says that it has nothing set up for the service yet.
const NoGroup = "codedeploy.none"

// Driver knows the deployments of services that somebody else than ECS deploys.
type Driver interface {
	// Past gives a service's deployments, newest first, at most limit of them.
	Past(ctx context.Context, s *types.Service, limit int) ([]Deployment, error)
	// Facts looks closer at one of them: it fills in where it stands and which task set it made, and
	// gives its own word of why.
	Facts(ctx context.Context, s *types.Service, d *Deployment) (*explain.Deployment, error)
	// Good gives the ARN of the definition that a rollback would go back to now; "" where there is none,
	// or where it would end a deployment under way.
	Good(ctx context.Context, s *types.Service) (arn string, err error)
	// Watched names the alarms that the service's deployments listen to.
	Watched(ctx context.Context, s *types.Service) ([]string, error)
}

// driver gives who deploys a service, nil where that is ECS or where nobody is known.
func (l *Looker) driver(s *types.Service) Driver {
	if s == nil || s.DeploymentController == nil {
		return nil
	}
	return l.Drivers[s.DeploymentController.Type]
}

// past gives the newest deployments of a service, whoever carries them out.
func (l *Looker) past(ctx context.Context, p Place, s *types.Service, limit int) ([]Deployment, error) {
	if k := l.driver(s); k != nil {
		return k.Past(ctx, s, limit)
	}
	return l.deployments(ctx, p, limit)
}

// watched names the alarms that a service's deployments listen to.
func (l *Looker) watched(ctx context.Context, s *types.Service) ([]string, error) {
	if k := l.driver(s); k != nil {
		return k.Watched(ctx, s)
	}
	return alarmNames(s), nil
}

// good gives the ARN of the definition that a rollback would go back to; "" where there is none.
func (l *Looker) good(ctx context.Context, s *types.Service) (string, error) {
	var arn string
	var err error
	if k := l.driver(s); k != nil {
		arn, err = k.Good(ctx, s)
	} else {
		arn, err = ship.LastGood(ctx, l.ECS, s)
	}
	if fail.Is(err, "rollback.none") || fail.Is(err, NoGroup) {
		return "", nil
	}
	return arn, err
}
