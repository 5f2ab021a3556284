package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/slipway-ecs/slipway/internal/cloud"
	"github.com/slipway-ecs/slipway/internal/store"
)

// retentions are the days that a policy may have.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy says for how many days a group keeps events. Older ones are not shown from
// then on, and forgotten within a day.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *logs.PutRetentionPolicyInput) (*logs.PutRetentionPolicyOutput, error) {
	days := aws.ToInt32(in.RetentionInDays)
	if !slices.Contains(retentions, days) {
		list := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(retentions), "[]")), ", ")
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [%s]", days, list)
	}
	return &logs.PutRetentionPolicyOutput{}, s.retain(ctx, in.LogGroupName, days)
}

// DeleteRetentionPolicy makes a group keep events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *logs.DeleteRetentionPolicyInput) (*logs.DeleteRetentionPolicyOutput, error) {
	return &logs.DeleteRetentionPolicyOutput{}, s.retain(ctx, in.LogGroupName, 0)
}

func (s *Service) retain(ctx context.Context, group *string, days int32) error {
	return s.change(groupARN(scopeOf(ctx), aws.ToString(group)), func(g *Group) error {
		g.RetentionDays = days
		return nil
	})
}

const day = 24 * time.Hour

// keepsFrom gives the internal time before which the group keeps nothing.
func (g Group) keepsFrom(now time.Time) time.Time {
	return now.Add(-time.Duration(g.RetentionDays) * day)
}

// retention is the keeper that forgets old events, once a day of internal time.
type retention struct{ *Service }

// Name is for logs.
func (k *retention) Name() string { return "logs.retention" }

// Watches says that each group is kept by its ARN.
func (k *retention) Watches() []cloud.Watch {
	return []cloud.Watch{cloud.On(k.groups, func(g *Group) string { return g.ARN })}
}

// Keep asks for a sweep of a group that is due.
func (k *retention) Keep(tx *store.Tx, key string) (cloud.Result, error) {
	g, ok := k.groups.Get(tx, key)
	if !ok || g.RetentionDays == 0 {
		return cloud.Result{}, nil
	}
	if due := g.Swept.Add(day); due.After(tx.Now()) {
		return cloud.Result{Wake: due}, nil
	}
	before := k.wall(g.keepsFrom(tx.Now()).UnixMilli())
	var files []string
	for m := range k.streams.Prefix(tx, g.ARN+streamPart) {
		files = append(files, m.File)
	}
	return cloud.Result{Jobs: []cloud.Job{{Key: "forget old events of " + g.ARN, Do: func(ctx context.Context) (cloud.Fact, error) {
		for _, name := range files {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			err := k.tapes.write(func() error { return k.tapes.get(name).expire(before) })
			if err != nil && !errors.Is(err, errGone) {
				return nil, err
			}
		}
		return func(tx *store.Tx) error {
			if g, ok := k.groups.Get(tx, key); ok {
				g.Swept = tx.Now()
				k.groups.Put(tx, g)
			}
			return nil
		}, nil
	}}}}, nil
}
