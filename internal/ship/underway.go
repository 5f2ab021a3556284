package ship

// Is what we want being deployed already?

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/sdk"
)

// drafted is underWay before the definition is drafted.
func (w *work) drafted(ctx context.Context) (bool, error) {
	if w.r.Revision != "" {
		return false, nil
	}
	wanted, current, err := w.base(ctx)
	if err != nil {
		return false, err
	}
	if _, err := edit(wanted, w.r); err != nil {
		return false, err
	}
	return w.underWay(ctx, wanted, current)
}

// underWay reports whether what we want is being deployed already: then somebody else began it, and it
// is followed, and wanted has its digests.
func (w *work) underWay(ctx context.Context, wanted, current sdk.Tree) (bool, error) {
	d := primary(w.live)
	if w.r.Force || d == nil || d.RolloutState != types.DeploymentRolloutStateInProgress || current == nil {
		return false, nil
	}
	r, pinned := w.r, clean(wanted, nil)
	if r.Pin != nil {
		r.Pin = w.digest
	}
	if _, err := pin(ctx, pinned, r); err != nil || !same(current, pinned) {
		return false, nil //nolint:nilerr // an image that is not there yet is not being deployed
	}
	maps.Copy(wanted, pinned)
	_, settings, err := w.differs(w.live)
	return len(settings) == 0 && (w.r.Count == nil || *w.r.Count == w.live.DesiredCount), err
}

// digest is Pin for underWay. It asks once for each image: waiting for others does not wear a registry out.
func (w *work) digest(ctx context.Context, image string) (string, error) {
	if d := w.digests[image]; d != "" {
		return d, nil
	}
	d, err := w.r.Pin(ctx, image)
	if err != nil {
		return "", err
	}
	if w.digests == nil {
		w.digests = map[string]string{}
	}
	w.digests[image] = d
	return d, nil
}
