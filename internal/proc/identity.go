package proc

// Identity names one process for ever: a pid alone may be another process tomorrow.
type Identity struct {
	Pid   int
	Start uint64 // when it started, in the system's own unit: clock ticks since boot, or microseconds
	Boot  string // which start of the system that was
}

// Identify gives the identity of the process that has pid now, or ErrEnded.
func Identify(pid int) (Identity, error) {
	boot, err := bootID()
	if err != nil {
		return Identity{}, err
	}
	start, err := startOf(pid)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Pid: pid, Start: start, Boot: boot}, nil
}

// Alive reports whether the process of that identity runs. A zombie does not.
func Alive(id Identity) bool {
	now, err := Identify(id.Pid)
	return err == nil && id.Pid > 0 && now == id
}
