package host

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ecs/slipway/internal/cloud/elb"
	"github.com/slipway-ecs/slipway/internal/lb"
	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// accessLook is how often finished access logs are looked for.
const accessLook = time.Second

// deliverAccess takes the access logs that the data plane finished to their buckets, until ctx ends. What
// it finds then stays for the next cloud.
func (c *Cloud) deliverAccess(ctx context.Context) {
	tick := time.NewTicker(accessLook)
	defer tick.Stop()
	dir := filepath.Join(c.plane.dir, lb.AccessDir)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // no balancer keeps one
		}
		for _, e := range entries {
			balancer, until, ok := lb.ParseAccessName(e.Name())
			if !ok {
				continue
			}
			path := filepath.Join(dir, e.Name())
			if err := c.deliver(path, balancer, until); err != nil {
				c.o.Log.Warn("an access log is lost", "balancer", balancer, "err", err)
			}
			if err := os.Remove(path); err != nil {
				c.o.Log.Error("an access log is delivered again", "err", err)
			}
		}
	}
}

// deliver puts one file into its balancer's bucket.
func (c *Cloud) deliver(path, balancer string, until time.Time) error {
	var to elb.AccessLog
	ok := false
	if err := c.store.View(func(tx *store.Tx) error { to, ok = c.rooms.elb.AccessLog(tx, balancer); return nil }); err != nil || !ok {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return c.rooms.s3.Put(names.ScopeOf(balancer), to.Bucket, accessKey(to.Prefix, balancer, until), body.Bytes())
}

// accessKey is the name of the object with a balancer's access log up to a time.
//
// Source: ELBv2 guide, "Access log files".
func accessKey(prefix, balancer string, until time.Time) string {
	s := names.ScopeOf(balancer)
	if prefix != "" {
		prefix += "/"
	}
	return fmt.Sprintf("%sAWSLogs/%s/elasticloadbalancing/%s/%s/%s_elasticloadbalancing_%s_%s_%s_127.0.0.1_%s.log.gz",
		prefix, s.Account, s.Region, until.Format("2006/01/02"), s.Account, s.Region,
		strings.ReplaceAll(names.LoadBalancerDimension(balancer), "/", "."), until.Format("20060102T1504Z"), strings.ToLower(rand.Text()[:8]))
}
