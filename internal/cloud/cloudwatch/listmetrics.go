package cloudwatch

import (
	"context"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/slipway-ecs/slipway/internal/cloud/page"
	"github.com/slipway-ecs/slipway/internal/names"
)

const (
	metricsPage  = 500
	listedFor    = 14 * 24 * time.Hour // after its last point, internal time
	recentlyFor  = 3 * time.Hour
	filtersEach  = 10
	recentlyName = types.RecentlyActivePt3h
)

// ListMetrics gives the metrics of the scope that had points in the last two weeks, by namespace,
// name and dimensions ascending. A new metric is listed at once, where AWS takes minutes.
func (s *Service) ListMetrics(ctx context.Context, in *sdk.ListMetricsInput) (*sdk.ListMetricsOutput, error) {
	var bad constraints
	bad.length("metricName", in.MetricName, 1, 255)
	bad.namespace(in.Namespace)
	among(&bad, "recentlyActive", in.RecentlyActive)
	if err := bad.err(); err != nil {
		return nil, err
	}
	if len(in.Dimensions) > filtersEach {
		return nil, badValue("The collection Dimensions must not have a size greater than %d.", filtersEach)
	}
	since := s.store.Clock().Now().Add(-listedFor)
	if in.RecentlyActive == recentlyName {
		since = s.store.Clock().Now().Add(-recentlyFor)
	}
	all := slices.DeleteFunc(s.metrics.list(scopeOf(ctx), since), func(m Metric) bool {
		return in.Namespace != nil && m.Namespace != *in.Namespace || in.MetricName != nil && m.Name != *in.MetricName ||
			!fits(m, in.Dimensions)
	})
	all, token, err := page.Cut(all, func(m *Metric) string { return key(names.Scope{}, *m) }, val(in.NextToken), metricsPage)
	if err != nil {
		return nil, badToken()
	}
	out := &sdk.ListMetricsOutput{Metrics: make([]types.Metric, 0, len(all)), NextToken: some(token)}
	for _, m := range all {
		out.Metrics = append(out.Metrics, types.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: dimensionsOf(m.Dimensions)})
	}
	return out, nil
}

// fits reports whether a metric has every dimension asked for; one without a value fits any.
func fits(m Metric, filters []types.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(m.Dimensions, func(d Dimension) bool {
			return d.Name == val(f.Name) && (f.Value == nil || d.Value == *f.Value)
		}) {
			return false
		}
	}
	return true
}
