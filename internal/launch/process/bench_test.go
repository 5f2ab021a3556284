package process_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/launch"
	"github.com/slipway-ecs/slipway/internal/launch/process"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// BenchmarkTask takes one task from nothing to its first answer, and back.
//
//	go test -run '^$' -bench Task -benchtime 100x ./internal/launch/process
func BenchmarkTask(b *testing.B) {
	dir := b.TempDir()
	r, err := process.New(process.Options{Dir: dir, Shim: shim(), Host: os.Environ()})
	if err != nil {
		b.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	var started, ready, stopped []time.Duration
	var rss, pss int
	for i := 0; b.Loop(); i++ {
		web := launch.Task{ID: fmt.Sprint("t", i), Containers: []launch.Container{{
			Name: "main", EntryPoint: []string{exe, "program", "serve"}, Ports: []launch.Port{{Container: 8080}},
		}}}
		began := time.Now()
		network, err := r.Prepare(b.Context(), web)
		if err != nil {
			b.Fatal(err)
		}
		h, err := r.Start(b.Context(), web, "main", 0)
		if err != nil {
			b.Fatal(err)
		}
		started = append(started, time.Since(began))
		url := "http://" + r.Reach(web, network, 8080).Address
		for {
			answer, err := http.Get(url)
			if err == nil {
				answer.Body.Close()
				break
			}
		}
		ready = append(ready, time.Since(began))
		if s, err := proc.ReadState(filepath.Join(dir, web.ID, "main.0")); err == nil {
			rss, pss = memory(b, s.Shim.Pid)
		}
		began = time.Now()
		if err := r.Stop(b.Context(), h, time.Minute); err != nil {
			b.Fatal(err)
		}
		stopped = append(stopped, time.Since(began))
		if err := r.Remove(b.Context(), web.ID); err != nil {
			b.Fatal(err)
		}
	}
	for name, all := range map[string][]time.Duration{"started": started, "ready": ready, "stopped": stopped} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
	}
	b.ReportMetric(float64(rss), "shim-rss-KiB")
	b.ReportMetric(float64(pss), "shim-pss-KiB")
}

// memory gives what a process has in memory, all of it and its share, in KiB.
func memory(b *testing.B, pid int) (rss, pss int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch f[0] {
		case "Rss:":
			rss, err = strconv.Atoi(f[1])
		case "Pss:":
			pss, err = strconv.Atoi(f[1])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return rss, pss
}
