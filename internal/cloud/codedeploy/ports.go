package codedeploy

import (
	"context"
	"time"

	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Fleet is what CodeDeploy needs of ECS. Its methods run inside the caller's transaction.
type Fleet interface {
	// Find finds a service by names or ARNs of cluster and service, with its task sets.
	Find(tx *store.Tx, scope names.Scope, cluster, service string) (FleetService, error)
	// Make makes a whole task set of a service and gives its id.
	Make(tx *store.Tx, service string, ask FleetAsk) (id string, err error)
	// Promote makes a task set the PRIMARY one; again is harmless.
	Promote(tx *store.Tx, service, id string) error
	// End takes a task set to zero, after which it vanishes; again is harmless.
	End(tx *store.Tx, service, id string) error
	// Watches give the ARNs of services that changed, or whose task sets did.
	Watches() []cloud.Watch
}

// FleetService is a service as CodeDeploy sees it.
type FleetService struct {
	ARN, Name, Cluster string // Cluster is a name
	Controller, Status string
	Desired            int
	Sets               []FleetSet
}

// FleetSet is a task set as CodeDeploy sees it.
type FleetSet struct {
	ID, ExternalID, Status string
	Definition, Group      string // ARNs; Group is the target group's
	Want, Running, Pending int
	Up, Healthy, Leaving   int
	Stable                 bool // STEADY_STATE
	Created                time.Time
}

// FleetAsk is a task set to be made; what it leaves out is the PRIMARY one's.
type FleetAsk struct {
	ExternalID, StartedBy string
	Definition            string
	Group, Container      string
	Port                  int
	PlatformVersion       string
	Network               *ecs.AwsVpcConfiguration
	Providers             []ecs.CapacityProviderStrategyItem
}

// Traffic is what CodeDeploy needs of load balancing, inside the caller's transaction.
type Traffic interface {
	// GroupNamed gives the ARN of a target group.
	GroupNamed(tx *store.Tx, scope names.Scope, name string) (arn string, ok bool)
	// Routes gives the rules a listener's ARN stands for, the default one first, or the one rule
	// that a rule's ARN names.
	Routes(tx *store.Tx, arn string) (rules []string, ok bool)
	// Weights gives the groups a rule forwards to; ok is false where it does not forward.
	Weights(tx *store.Tx, rule string) (weights []balance.Weighted, ok bool)
	// SetWeights makes a rule forward to these groups.
	SetWeights(tx *store.Tx, rule string, weights []balance.Weighted) error
}

// Alarms is what CodeDeploy needs of CloudWatch alarms.
type Alarms interface {
	// Firing gives those of the names that are in ALARM.
	Firing(tx *store.Tx, scope names.Scope, alarms []string) []string
	// Unknown gives those of the names that there are no alarms of.
	Unknown(tx *store.Tx, scope names.Scope, alarms []string) []string
	// Watch gives the ARNs of alarms that changed.
	Watch() cloud.Watch
}

// Functions calls Lambda functions. It is called by hands, outside of transactions.
type Functions interface {
	// Invoke calls a function, given by name or ARN, and waits for its end. functionError is not
	// empty where the function itself failed; err says that it could not be called.
	Invoke(ctx context.Context, scope names.Scope, function string, payload []byte) (answer []byte, functionError string, err error)
}

// Objects reads what S3 holds. It is called outside of transactions.
type Objects interface {
	// Object gives an object's content; an empty version is the newest.
	Object(scope names.Scope, bucket, key, version string) (body []byte, etag string, err error)
}
