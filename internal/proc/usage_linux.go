package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of times in /proc: USER_HZ, which is 100 on every architecture Go knows.
const tick = time.Second / 100

// process is what /proc/PID/stat tells of a process.
type process struct {
	parent int
	start  uint64
	own    time.Duration // CPU time of its own
	reaped time.Duration // CPU time of children it has waited for, and of theirs
	memory int64
}

// Usages gives what the programs of these directories use, by directory; those that do not run
// are left out. It looks at all processes of the system once, however many the directories are.
func Usages(ctx context.Context, dirs []string) (map[string]Usage, error) {
	all, err := processes(ctx)
	if err != nil {
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for pid, p := range all {
		children[p.parent] = append(children[p.parent], pid)
	}
	runs := func(id Identity) bool {
		p, ok := all[id.Pid]
		return ok && id.Pid > 0 && p.start == id.Start && id.Boot == boot
	}
	found := map[string]Usage{}
	for _, dir := range dirs {
		state, err := ReadState(dir)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !runs(state.Program) {
			continue
		}
		var u Usage
		ours, open := map[int]bool{state.Program.Pid: true}, []int{state.Program.Pid}
		add := func(pids []int) {
			for _, pid := range pids {
				if !ours[pid] {
					ours[pid], open = true, append(open, pid)
				}
			}
		}
		if runs(state.Shim) { // it takes in orphans; what it uses itself is not the program's
			u.CPU += all[state.Shim.Pid].reaped
			add(children[state.Shim.Pid])
		}
		for len(open) > 0 {
			pid := open[len(open)-1]
			open = open[:len(open)-1]
			u.CPU += all[pid].own + all[pid].reaped
			u.Memory += all[pid].memory
			add(children[pid])
		}
		found[dir] = u
	}
	return found, nil
}

// processes gives the processes of the system.
func processes(ctx context.Context) (map[int]process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close() //nolint:errcheck // it was read only
	entries, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := map[int]process{}
	for _, name := range entries {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fields, err := stat(pid)
		if err != nil {
			continue // it ended while we looked
		}
		if all[pid], err = parse(fields); err != nil {
			return nil, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
		}
	}
	return all, nil
}

// parse reads what stat gives. Source: proc_pid_stat(5): its fields from the third on.
func parse(fields []string) (p process, err error) {
	if len(fields) < 22 {
		return p, fmt.Errorf("%d fields", len(fields))
	}
	number := func(i int) (n int64) {
		n, e := strconv.ParseInt(fields[i], 10, 64)
		err = errors.Join(err, e)
		return n
	}
	p.parent = int(number(1))
	p.own = time.Duration(number(11)+number(12)) * tick
	p.reaped = time.Duration(number(13)+number(14)) * tick
	p.start = uint64(number(19))
	p.memory = number(21) * int64(os.Getpagesize())
	return p, err
}
