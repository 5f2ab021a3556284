package cloudwatch

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/slipway-ecs/slipway/internal/names"
)

const (
	// snapshotEvery is how often changed points are written to disk, on the wall: what a kill
	// may lose.
	snapshotEvery = time.Minute
	// forgottenAfter is when a metric without new points is dropped, in internal time.
	forgottenAfter = 63 * 24 * time.Hour
	snapshotFile   = "metrics.json.gz"
)

// saved is a metric on disk.
type saved struct {
	Account    string      `json:"account"`
	Region     string      `json:"region"`
	Namespace  string      `json:"namespace"`
	Name       string      `json:"name"`
	Dimensions []Dimension `json:"dimensions,omitempty"`
	Unit       string      `json:"unit"`
	Series     series      `json:"series"`
}

// Run writes changed points to disk each minute and once more when ctx ends; its caller waits for
// it. Without a directory it only waits. It gives what the last writing met, else ctx's error.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(snapshotEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return cmp.Or(s.save(), ctx.Err())
		case <-tick.C:
			s.metrics.forget(s.store.Clock().Now().Add(-forgottenAfter))
			if err := s.save(); err != nil {
				s.log.Warn("metric points are not saved", "err", err)
			}
		}
	}
}

// forget drops metrics whose newest point is older than a time.
func (m *metrics) forget(before time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.all, func(_ string, one *metric) bool { return one.newest().Before(before) })
}

// save writes all points in place of the file before, unless nothing changed.
func (s *Service) save() error {
	if s.dir == "" {
		return nil
	}
	all := s.metrics.snapshot()
	if all == nil {
		return nil
	}
	name := filepath.Join(s.dir, snapshotFile)
	err := os.MkdirAll(s.dir, 0o700)
	if err == nil {
		err = write(name+".new", all)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		s.metrics.unsaved()
		return fmt.Errorf("save metric points: %w", err)
	}
	return nil
}

// unsaved has the next save write the points, since this one could not.
func (m *metrics) unsaved() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirty = true
}

// snapshot gives all points, nil where nothing changed since the last. What it gives is nobody
// else's: buckets are copied, and the values in them are never written into.
func (m *metrics) snapshot() []saved {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirty {
		return nil
	}
	m.dirty = false
	all := []saved{}
	for _, k := range slices.Sorted(maps.Keys(m.all)) {
		one := m.all[k]
		for _, u := range one.units {
			v := saved{one.scope.Account, one.scope.Region, one.Namespace, one.Metric.Name, one.Dimensions, u.unit, u.series}
			for kind := range v.Series {
				v.Series[kind] = slices.Clone(v.Series[kind])
			}
			all = append(all, v)
		}
	}
	return all
}

func write(name string, all []saved) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(all); err != nil {
		return err
	}
	return z.Close()
}

// load reads the points of the last save, if any.
func (s *Service) load() (err error) {
	if s.dir == "" {
		return nil
	}
	f, err := os.Open(filepath.Join(s.dir, snapshotFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	var all []saved
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	for _, v := range all {
		scope := names.Scope{Account: v.Account, Region: v.Region}
		s.metrics.metric(scope, Metric{v.Namespace, v.Name, v.Dimensions}).in(v.Unit).series = v.Series
	}
	return nil
}
