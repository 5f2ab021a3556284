// Package ecs is the local cloud's Amazon ECS: clusters, task definitions, services and their
// deployments, tasks.
//
// Handlers check, write rows and answer with a view of them; keepers make rows come true. The
// service keeper asks rollout and reconcile what a service needs and writes task rows; the task
// keeper starts and stops their containers through hands. The package knows no other service:
// what it needs of them are the ports in ports.go. Read rows.go first, then service_keeper.go.
//
// Sources: ecs.md throughout; a function names the section where it follows one.
package ecs

import (
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Options make the room. All are required unless they say otherwise.
type Options struct {
	Store    *store.Store // opened with Tables() — set by Attach
	IDs      *ids.Source
	Runtime  launch.Runtime
	Balancer Balancer
	Alarms   Alarms
	Networks Networks
	// Functions invokes lifecycle hooks; where it is nil there is no function to be found.
	Functions Functions
	Logs      Logs
	Secrets   Secrets
	Log       *slog.Logger

	// TaskEndpoint is the cloud's URL as tasks reach it, which they get as AWS_ENDPOINT_URL:
	// http://127.0.0.1:4566.
	TaskEndpoint func() string
	// Credentials gives the access key a task's SDKs use, so that what they call is its account's.
	Credentials func(scope names.Scope, task string) (id, secret string)
	// Shorten gives how long internal time takes on the wall, for waits inside hands.
	Shorten func(time.Duration) time.Duration
	// Wall gives the wall's time of an internal time, and Internal the reverse: for text that
	// carries times, and for times that runtimes report.
	Wall, Internal func(time.Time) time.Time
	// Lenient accepts with a warning what AWS refuses only for surroundings; Warn takes the line.
	Lenient bool
	Warn    func(line string)

	// Instances is how many container instances each cluster gets of the cloud's own; 0 is none.
	Instances int
	// InstanceType is what they are, and what instances are that register without resources; ""
	// is DefaultInstanceType.
	InstanceType string
	// FargateVCPUs is how many vCPUs the Fargate tasks of an account may have at once in a region,
	// and as many again those on Spot capacity; 0 is no limit.
	FargateVCPUs float64
}

// Service is the room.
type Service struct {
	o Options

	clusters    *store.Table[Cluster]
	families    *store.Table[Family]
	definitions *store.Table[TaskDefinition]
	services    *store.Table[ServiceRow]
	deployments *store.Table[Deployment]
	tasks       *store.Table[Task]
	events      *store.Table[Event]
	settings    *store.Table[Setting]
	instances   *store.Table[Instance]
	providers   *store.Table[Provider]

	parsed sync.Map // a cache: task definition ARN → *types.TaskDefinition, whose content never changes
}

// New makes the room. Its store is opened afterwards, with its Tables, and given to Attach.
func New(o Options) *Service {
	return &Service{
		o:        o,
		clusters: store.NewTable("ecs.clusters", func(c *Cluster) string { return c.ARN }),
		families: store.NewTable("ecs.families", func(f *Family) string { return f.ARN }),
		definitions: store.NewTable("ecs.definitions", func(d *TaskDefinition) string { return d.ARN },
			store.One("family", func(d *TaskDefinition) string { return familyARN(d.ARN) })),
		services: store.NewTable("ecs.services", func(s *ServiceRow) string { return s.ARN },
			store.One("cluster", func(s *ServiceRow) string { return s.Cluster })),
		deployments: store.NewTable("ecs.deployments", func(d *Deployment) string { return d.Key },
			store.Index[Deployment]{Name: "service", Of: func(d *Deployment) []string { return []string{d.Service} }, Order: byAge},
			store.Index[Deployment]{Name: "stood", Of: stoodIn, Order: byAge},
			store.One("live", func(d *Deployment) string { return d.liveOf() }),
			store.One("id", func(d *Deployment) string { return d.knownAs() }),
			store.One("definition", func(d *Deployment) string { return d.Work.TaskDefinition }),
			store.Index[Deployment]{Name: "alarm", Of: func(d *Deployment) []string { return d.alarmARNs() }}),
		tasks: store.NewTable("ecs.tasks", func(t *Task) string { return t.ARN },
			store.One("cluster", func(t *Task) string { return t.Cluster }),
			store.One("service", func(t *Task) string { return t.Service }),
			store.One("instance", func(t *Task) string {
				if t.Last == taskStopped {
					return ""
				}
				return t.Instance
			}),
			store.One("token", func(t *Task) string {
				if t.Token == "" {
					return ""
				}
				return t.Cluster + " " + t.Token
			}),
			store.One("boarding", (*Task).boarding),
			store.Index[Task]{Name: "metadata", Of: metadataTokens}),
		events: store.NewTable("ecs.events", func(e *Event) string { return e.Key },
			store.One("service", func(e *Event) string { return e.Service })),
		settings:  store.NewTable("ecs.settings", func(s *Setting) string { return s.Key }),
		providers: store.NewTable("ecs.providers", func(p *Provider) string { return p.ARN }),
		instances: store.NewTable("ecs.instances", func(x *Instance) string { return x.ARN },
			store.One("cluster", func(x *Instance) string { return x.Cluster })),
	}
}

// Attach gives the room the store that was opened with its tables.
func (s *Service) Attach(st *store.Store) { s.o.Store = st }

// Name is the signing name.
func (s *Service) Name() string { return "ecs" }

// Tables are the room's tables.
func (s *Service) Tables() []store.Any {
	return []store.Any{s.clusters, s.families, s.definitions, s.services, s.deployments, s.tasks, s.events, s.settings, s.instances, s.providers}
}

// Keepers are what the room keeps true.
func (s *Service) Keepers() []cloud.Keeper {
	return []cloud.Keeper{&taskKeeper{s}, &definitionKeeper{s}, &serviceKeeper{s}, &alarmKeeper{s}, &instanceKeeper{s}}
}

// definition gives a task definition's content, parsed once.
func (s *Service) definition(tx *store.Tx, arn string) (*types.TaskDefinition, bool) {
	if d, ok := s.parsed.Load(arn); ok {
		return d.(*types.TaskDefinition), true
	}
	row, ok := s.definitions.Get(tx, arn)
	if !ok {
		return nil, false
	}
	d := row.parse()
	s.parsed.Store(arn, d)
	return d, true
}
