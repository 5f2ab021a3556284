package host

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/clock"
	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/cloud/codedeploy"
	"github.com/slipway-ecs/slipway/internal/cloud/ec2"
	"github.com/slipway-ecs/slipway/internal/cloud/ecr"
	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/cloud/iam"
	"github.com/slipway-ecs/slipway/internal/cloud/lambda"
	"github.com/slipway-ecs/slipway/internal/cloud/logs"
	"github.com/slipway-ecs/slipway/internal/cloud/loop"
	"github.com/slipway-ecs/slipway/internal/cloud/s3"
	"github.com/slipway-ecs/slipway/internal/cloud/secrets"
	"github.com/slipway-ecs/slipway/internal/cloud/ssm"
	"github.com/slipway-ecs/slipway/internal/cloud/sts"
	"github.com/slipway-ecs/slipway/internal/ids"
	"github.com/slipway-ecs/slipway/internal/launch/function"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
	"github.com/slipway-ecs/slipway/internal/wire"
)

// rooms are the services of the cloud.
type rooms struct {
	ecs        *ecs.Service
	elb        *elb.Service
	codedeploy *codedeploy.Service
	cloudwatch *cloudwatch.Service
	logs       *logs.Service
	ecr        *ecr.Service
	ec2        *ec2.Service
	iam        *iam.Service
	sts        *sts.Service
	s3         *s3.Service
	lambda     *lambda.Service
	ssm        *ssm.Service
	secrets    *secrets.Service
}

// room is what the host needs of each of them.
type room interface {
	Wire() *wire.Service
	Tables() []store.Any
	Keepers() []cloud.Keeper
	Attach(*store.Store)
}

// all lists the rooms in reading order, which is the order keepers are run in at the start.
func (r *rooms) all() []room {
	return []room{r.ecs, r.elb, r.codedeploy, r.cloudwatch, r.logs, r.ecr, r.ec2, r.iam, r.sts, r.s3, r.lambda, r.ssm, r.secrets}
}

// Operations gives the operations that the cloud serves, by signing name, both sorted.
func Operations() []ServedBy {
	r := &rooms{ // what they serve is known without anything to serve it with
		ecs: ecs.New(ecs.Options{}), elb: elb.New(elb.Options{}), codedeploy: codedeploy.New(codedeploy.Options{}),
		cloudwatch: cloudwatch.New(cloudwatch.Options{}), logs: logs.New(logs.Options{}), ecr: ecr.New(ecr.Options{}),
		ec2: ec2.New(ec2.Options{}), iam: iam.New(iam.Options{}), sts: sts.New(sts.Options{}), s3: s3.New(s3.Options{}),
		lambda: lambda.New(lambda.Options{}), ssm: ssm.New(), secrets: secrets.New(secrets.Options{}),
	}
	var all []ServedBy
	for _, room := range r.all() {
		w := room.Wire()
		all = append(all, ServedBy{w.Name(), w.Operations()})
	}
	slices.SortFunc(all, func(a, b ServedBy) int { return strings.Compare(a.Service, b.Service) })
	return all
}

// ServedBy is a service with its operations.
type ServedBy struct {
	Service    string
	Operations []string
}

// furnish builds the rooms with their ports, opens the store with their tables, and makes the
// loop over their keepers.
func (c *Cloud) furnish() error {
	o, times := c.o, &times{}
	source := ids.Random()
	var err error
	r := &rooms{}
	c.rooms = r
	r.ec2 = ec2.New(ec2.Options{IDs: source})
	r.iam = iam.New(iam.Options{IDs: source})
	r.sts = sts.New(sts.Options{Lengthen: times.lengthen, Issue: func(account, session string, lasts time.Duration) (id, secret, token string) {
		return c.keys.session(account, session, time.Now().Add(lasts))
	}})
	r.ssm = ssm.New()
	r.secrets = secrets.New(secrets.Options{IDs: source})
	r.ecr = ecr.New(ecr.Options{IDs: source, Endpoint: c.Endpoint, Sign: c.keys.sum, Lengthen: times.lengthen})
	r.logs = logs.New(logs.Options{IDs: source, Dir: filepath.Join(o.Dir, "logs"), Log: o.Log, Wall: times.wall, Internal: times.internal})
	r.s3 = s3.New(s3.Options{IDs: source, Dir: filepath.Join(o.Dir, "s3"), Fsync: o.Fsync, Log: o.Log, Wall: times.wall, Internal: times.internal})
	r.elb = elb.New(elb.Options{
		IDs: source, Network: r.ec2, Lenient: o.Lenient, Warn: o.Warn, Shorten: times.shorten, Wall: times.wall, Host: c.sharedHost(), Patience: time.Second, Buckets: r.s3,
	})
	r.lambda = lambda.New(lambda.Options{
		IDs: source, Dir: filepath.Join(o.Dir, functionsDir), Host: os.Environ(), Logs: r.logs, Objects: codeObjects{r.s3}, Hooks: o.Hooks, Log: o.Log, Endpoint: c.Endpoint,
		Credentials: func(s names.Scope, function string) (id, secret, token string) {
			return c.keys.session(s.Account, function, time.Time{})
		},
		Sign: c.keys.sum, Wall: times.wall,
	})
	r.cloudwatch = cloudwatch.New(cloudwatch.Options{Dir: filepath.Join(o.Dir, "metrics"), Functions: r.lambda, Log: o.Log, Wall: times.wall})
	r.ecs = ecs.New(ecs.Options{
		IDs: source, Runtime: c.runtime, Balancer: balancer{r.elb}, Alarms: r.cloudwatch, Functions: r.lambda, Networks: r.ec2, Logs: r.logs, Secrets: vault{r}, Log: o.Log,
		TaskEndpoint: c.within, Credentials: func(s names.Scope, task string) (id, secret string) { return c.keys.issue(s.Account, task) },
		Shorten: times.shorten, Wall: times.wall, Internal: times.internal, Lenient: o.Lenient, Warn: o.Warn,
		Instances: o.Instances, InstanceType: o.InstanceType, FargateVCPUs: o.FargateVCPUs,
	})
	r.codedeploy = codedeploy.New(codedeploy.Options{IDs: source, Fleet: fleet{r.ecs}, Traffic: r.elb, Alarms: r.cloudwatch, Functions: r.lambda, Objects: r.s3})

	var tables []store.Any
	for _, room := range r.all() {
		tables = append(tables, room.Tables()...)
	}
	if c.store, err = store.Open(store.Options{Path: filepath.Join(o.Dir, stateFile), Fsync: o.Fsync, Speed: o.Speed}, tables...); err != nil {
		return err
	}
	times.line = c.store.Timeline()
	c.plane = &dataPlane{
		elb: r.elb, store: c.store, log: o.Log, exe: o.Exe, dir: filepath.Join(o.Dir, "lb"), host: c.sharedHost(),
		report: c.publish, clock: c.store.Clock(), nudged: make(chan struct{}, 1),
	}
	var keepers []cloud.Keeper
	for _, room := range r.all() {
		room.Attach(c.store)
		keepers = append(keepers, room.Keepers()...)
	}
	c.loop = loop.New(loop.Options{Store: c.store, Tables: tables, Keepers: append(keepers, c.plane), Log: o.Log})
	return nil
}

// functionsDir is where functions are, in the data directory.
const functionsDir = "functions"

// endLeftovers ends the tasks, functions and data plane that an earlier cloud left running.
func endLeftovers(ctx context.Context, o Options) error {
	if err := function.Sweep(filepath.Join(o.Dir, functionsDir)); err != nil {
		return err
	}
	last, err := lastRuntime(o.Dir)
	if err != nil {
		return err
	}
	if err := endTasks(ctx, o, last); err != nil {
		return err
	}
	client, err := lb.Dial(ctx, filepath.Join(o.Dir, "lb"))
	if errors.Is(err, lb.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	return (&dataPlane{client: client}).stop(ctx)
}

// sharedHost is the address that all listeners of all balancers share: that of the endpoint. An
// endpoint on every address is no reason for listeners to be reached from everywhere: nobody
// checks signatures there.
func (c *Cloud) sharedHost() string {
	addr := c.listener.Addr().(*net.TCPAddr)
	if !addr.IP.IsLoopback() {
		return "127.0.0.1"
	}
	return addr.IP.String()
}

// times translates between internal time and the wall's for rooms that do so themselves. Its
// line is known once the store is open, before anything happens.
type times struct{ line clock.Timeline }

func (t *times) wall(at time.Time) time.Time     { return t.line.Wall(at) }
func (t *times) internal(at time.Time) time.Time { return t.line.Internal(at) }
func (t *times) shorten(d time.Duration) time.Duration {
	return t.line.Shorten(d)
}

// lengthen gives how long d of the wall is in internal time.
func (t *times) lengthen(d time.Duration) time.Duration {
	return time.Duration(float64(d) * t.line.Speed())
}

// balancer lets ECS use the load balancing room.
type balancer struct{ *elb.Service }

// Register makes an address a target.
func (b balancer) Register(tx *store.Tx, group string, t ecs.BalancerTarget) error {
	return b.Service.Register(tx, group, elb.Target{
		ID: t.ID, Port: t.Port, Zone: t.Zone, Owner: t.Owner, Dial: balance.Address{Network: t.Dial.Network, Address: t.Dial.Address},
	})
}

// Group describes a target group.
func (b balancer) Group(tx *store.Tx, arn string) (ecs.BalancerGroup, bool) {
	g, ok := b.Service.Group(tx, arn)
	return ecs.BalancerGroup{
		ARN: g.ARN, Name: g.Name, TargetType: g.TargetType, Port: g.Port, LoadBalancers: g.LoadBalancers, Delay: g.DeregistrationDelay,
	}, ok
}

// codeObjects lets Lambda fetch the code of functions, which may be as large unzipped as Lambda takes.
type codeObjects struct{ *s3.Service }

// Object gives an object's bytes.
func (o codeObjects) Object(scope names.Scope, bucket, key, version string) (body []byte, etag string, err error) {
	return o.ObjectUpTo(250<<20, scope, bucket, key, version)
}

// vault lets ECS read parameters and secrets.
type vault struct{ *rooms }

// Parameter gives the value of an SSM parameter.
func (v vault) Parameter(scope names.Scope, ref string) (string, bool) {
	return v.ssm.Value(scope, ref)
}

// Secret gives the value of a secret.
func (v vault) Secret(scope names.Scope, arn, stage, id string) (string, error) {
	return v.secrets.Value(scope, arn, stage, id)
}
