package host

import (
	"os"
	"path/filepath"

	"github.com/slipway-ecs/slipway/internal/cloud/cloudwatch"
	"github.com/slipway-ecs/slipway/internal/cloud/ecs"
	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/store"
)

// Status is what is there, in one look.
type Status struct {
	Endpoint  string
	PID       int
	Dir       string
	Region    string
	Account   string
	Speed     float64
	Clusters  []ecs.ClusterStatus
	Balancers []elb.BalancerStatus
	Alarms    []cloudwatch.AlarmStatus
	// Authority is the file of the certificate to trust for HTTPS listeners; empty before the first.
	Authority string `json:",omitempty"`
}

// Status looks at everything in one transaction.
func (c *Cloud) Status() Status {
	s := Status{
		Endpoint: c.Endpoint(), PID: os.Getpid(), Dir: c.o.Dir, Region: c.o.Region, Account: c.o.Account,
		Speed: c.store.Timeline().Speed(),
	}
	err := c.store.View(func(tx *store.Tx) error {
		s.Clusters = c.rooms.ecs.Status(tx)
		s.Balancers = c.rooms.elb.Status(tx)
		s.Alarms = c.rooms.cloudwatch.Status(tx)
		return nil
	})
	if at := filepath.Join(c.plane.dir, lb.AuthorityFile); exists(at) {
		s.Authority = at
	}
	if err != nil {
		c.o.Log.Error("cannot look at the tables", "err", err)
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
