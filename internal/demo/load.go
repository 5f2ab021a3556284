package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Load is open-loop HTTP traffic: requests leave at their time whether or not earlier ones have
// come back, so a slow answer delays nobody and is fully counted. Latency is counted from the
// time a request was due.
type Load struct {
	URL    string
	PerSec int  // requests a second
	Fresh  bool // each on a connection of its own

	saw func(version string, sent time.Time) // told of each answer; may be nil

	mu      sync.Mutex // guards what follows
	phase   string
	results map[key]*Result
	total   map[string]int // requests by version, since the start
	why     map[string]int // failures by reason
	moments []*moment      // as Mark began them
}

type key struct{ phase, version string }

// Result is what became of the requests of one version in one phase.
type Result struct {
	Phase     string        `json:"phase"`
	Version   string        `json:"version"` // empty for answers no version gave
	Requests  int           `json:"requests"`
	Failures  int           `json:"failures"` // no answer, or a status of 500 and above
	P50       time.Duration `json:"-"`
	P99       time.Duration `json:"-"`
	P50Millis float64       `json:"p50Millis"`
	P99Millis float64       `json:"p99Millis"`

	took []time.Duration
}

// Run sends requests until ctx ends, then waits for their answers.
func (l *Load) Run(ctx context.Context) {
	l.mu.Lock()
	l.results, l.total, l.why = map[key]*Result{}, map[string]int{}, map[string]int{}
	l.mu.Unlock()
	client := &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true, DisableKeepAlives: l.Fresh,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		},
	}
	defer client.CloseIdleConnections()
	var flying sync.WaitGroup
	defer flying.Wait()
	pause := time.Second / time.Duration(l.PerSec)
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for now := time.Now(); !next.After(now); next = next.Add(pause) {
			due := next
			flying.Go(func() { l.ask(context.WithoutCancel(ctx), client, due) })
		}
		timer.Reset(time.Until(next))
	}
}

func (l *Load) ask(ctx context.Context, client *http.Client, due time.Time) {
	l.mu.Lock()
	phase := l.phase
	var now *moment
	if n := len(l.moments); n > 0 {
		now = l.moments[n-1]
	}
	l.mu.Unlock()
	sent := time.Now()
	version, why := get(ctx, client, l.URL)
	ok := why == ""
	if !ok {
		l.mu.Lock()
		l.why[why]++
		l.mu.Unlock()
	}
	if l.saw != nil {
		l.saw(version, sent)
	}
	l.count(phase, version, ok, time.Since(due))
	if now != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		now.sent++
		now.by[version]++
	}
}

// get gives the version that answered, and why it is no answer; empty where it is one.
func get(ctx context.Context, client *http.Client, url string) (version, why string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err.Error()
	}
	res, err := client.Do(req)
	if err != nil {
		return "", "no answer: " + cause(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return "", "cut short: " + cause(err)
	}
	if res.StatusCode >= http.StatusInternalServerError {
		why = res.Status
	}
	return res.Header.Get(VersionHeader), why
}

// cause is the innermost error's text, which names no port.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// Why gives how often requests failed for what reason, in the order of reasons.
func (l *Load) Why() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, why := range slices.Sorted(maps.Keys(l.why)) {
		all = append(all, fmt.Sprintf("%s (%d times)", why, l.why[why]))
	}
	return all
}

func (l *Load) count(phase, version string, ok bool, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.results[key{phase, version}]
	if r == nil {
		r = &Result{Phase: phase, Version: version}
		l.results[key{phase, version}] = r
	}
	r.Requests++
	l.total[version]++
	if !ok {
		r.Failures++
	}
	r.took = append(r.took, took)
}

// Totals gives how many requests each version has answered so far.
func (l *Load) Totals() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.total)
}

// Sum gives how many requests were answered so far, and how many failed.
func (l *Load) Sum() (requests, failures int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.results {
		requests += r.Requests
		failures += r.Failures
	}
	return requests, failures
}

// Enter names the phase that requests from now on belong to.
func (l *Load) Enter(phase string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = phase
}

// Mark begins a moment in which the new version has a share of the traffic, in percent.
func (l *Load) Mark(percent float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moments = append(l.moments, &moment{phase: l.phase, percent: percent, by: map[string]int{}})
}

// shares gives what each act's new version answered at each share it had.
func (l *Load) shares(acts []act) []Share {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]moment, 0, len(l.moments))
	for _, m := range l.moments {
		all = append(all, *m)
	}
	return spread(all, acts)
}

// Results gives what became of all requests answered so far, by phase in order of phases, then
// by version.
func (l *Load) Results(phases []string) []Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Result
	for _, r := range l.results {
		sorted := slices.Sorted(slices.Values(r.took))
		c := *r
		c.took = nil
		c.P50, c.P99 = sorted[len(sorted)/2], sorted[len(sorted)*99/100]
		c.P50Millis, c.P99Millis = millis(c.P50), millis(c.P99)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Result) int {
		if d := slices.Index(phases, a.Phase) - slices.Index(phases, b.Phase); d != 0 {
			return d
		}
		if a.Version < b.Version {
			return -1
		}
		return 1
	})
	return out
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
