// Package launch is the contract between the local cloud and whatever runs its containers.
//
// The unit is a container of a task. A Runtime starts, watches, asks and stops one container;
// the order of containers, health, essential, restarts and stop timeouts are decided above it,
// once for all drivers. The package knows nothing of ECS's tables, of the store or of internal
// time: every time and duration here is the wall's. Read Runtime first.
package launch

import (
	"context"
	"iter"
	"time"
)

// Runtime runs containers.
//
// Each method is safe to repeat and to interrupt: asking for what is already so answers as if it
// had just been done, also after the process that asked first was killed. What it gives (Network,
// Handle, Mark, Address) is plain data that survives in a table and may be handed to a later
// Runtime of the same kind and place. A Runtime is safe for use by several goroutines; calls for
// one container may overlap (Watch, Logs, Exec and Stop usually do).
//
// A context that ends makes a call return soon with the context's error; it never undoes what
// was done, so the same call may simply be made again.
type Runtime interface {
	// Name says which driver this is: "process", "docker" or "fake".
	Name() string

	// Prepare makes the task's place: its directory, its address. It comes first for each task.
	Prepare(ctx context.Context, t Task) (Network, error)

	// Pull resolves a container's image, and gives its digest ("sha256:" and 64 hexadecimal
	// digits). An image that is not to be had is a *PullError.
	Pull(ctx context.Context, t Task, container string) (digest string, err error)

	// Start starts a container and returns once its program runs. attempt is 0 for a container's
	// first start and counts its restarts in place: the same attempt is started once only, and
	// answers with the same Handle even when it has ended since. A program that cannot be
	// started is a *StartError; then nothing was started, and the attempt may be made again.
	// A start that has begun is seen through though ctx ends (Through), so that Find tells of it.
	Start(ctx context.Context, t Task, container string, attempt int) (Handle, error)

	// Watch blocks until the container ends and says how. For one that has ended already, even
	// while no Runtime was there to see it, it answers at once. A Handle whose place was removed
	// is ErrGone.
	Watch(ctx context.Context, h Handle) (Exit, error)

	// Stop sends the container's stop signal, waits at most grace for its end, kills it, and
	// returns when it has ended with everything it had started. Watch tells the exit code. A
	// grace of 0 or less kills at once. One that has ended, or is gone, is stopped: no error.
	Stop(ctx context.Context, h Handle, grace time.Duration) error

	// Exec runs argv beside the container's program, with its environment and directory, and
	// gives the exit code and the last OutputLimit bytes of standard output and error together.
	// It is how health checks are made: the caller turns CMD-SHELL into {"/bin/sh", "-c", …}.
	// When ctx ends, the command is killed and the error is the context's. A command that cannot
	// be started is an error with code 127 or 126, as a shell would give. A container that has
	// ended is ErrEnded.
	Exec(ctx context.Context, h Handle, argv []string) (code int, output []byte, err error)

	// Reach says where to dial a container port of the task.
	Reach(t Task, n Network, port int) Address

	// Logs gives what the container wrote, line by line, from the place behind since on (the
	// zero Mark is the beginning). It follows the container until it has ended and everything
	// was given, then stops without an error; an error is the last element given. Of a container
	// that wrote more than the driver keeps, the oldest lines are skipped.
	Logs(ctx context.Context, h Handle, since Mark) iter.Seq2[Line, error]

	// Find gives every place there is, ordered by task: what earlier runs left behind, whether
	// it still runs or has ended since (Watch tells). Adopt with it before deciding anything.
	Find(ctx context.Context) ([]Place, error)

	// Remove gives a task's place back: its directory, its logs, its address. Containers still
	// running are killed first. A task without a place is removed already: no error.
	Remove(ctx context.Context, task string) error
}

// OutputLimit is how many bytes of a command's output Exec gives: the last ones.
const OutputLimit = 64 << 10

// Task is what a runtime must know of a task. It is plain data.
type Task struct {
	ID          string // 32 hexadecimal digits, or any [A-Za-z0-9_-]{1,255}; unique in the runtime
	Name        string // for people: "cluster/family:revision"
	NetworkMode string // as in the task definition: "awsvpc", "bridge", "host", "none" or ""
	Containers  []Container
	CPU         int // of the whole task; 1024 is one CPU; 0 is no limit; drivers that can, apply it
	MemoryMiB   int // of the whole task; 0 is no limit; drivers that can, apply it
}

// Container gives the container of that name.
func (t Task) Container(name string) (Container, bool) {
	for _, c := range t.Containers {
		if c.Name == name {
			return c, true
		}
	}
	return Container{}, false
}

// Container is what a runtime must know of a container definition.
type Container struct {
	Name       string // [A-Za-z0-9_-]{1,255}
	Image      string // as the definition has it
	EntryPoint []string
	Command    []string
	Env        []KeyValue // final and in order: what AWS gives, then the definition's; the later of equal keys counts
	WorkingDir string     // "" is the image's
	Ports      []Port
	StopSignal string // "SIGTERM", "SIGINT", …; "" is SIGTERM
	CPU        int    // 1024 is one CPU; 0 is no share of its own; drivers that can, apply it
	MemoryMiB  int    // hard limit; 0 is none; drivers that can, apply it

	// Digest fixes the image: what Pull gave, or what the deployment's first task was given. ""
	// takes what Image names now.
	Digest string

	// What only drivers with images of their own apply.
	User     string // "", "uid", "uid:gid" or names of the image
	ReadOnly bool   // the root file system
	Init     bool   // an init as pid 1 that reaps and forwards signals
	Labels   []KeyValue
	Mounts   []Mount
}

// Mount is a volume inside a container.
type Mount struct {
	Volume   string // its name in the task: containers that name the same share it
	Host     string // a path of the host instead of a volume of the task's own; "" mostly
	Path     string // in the container
	ReadOnly bool
}

// KeyValue is one variable of an environment.
type KeyValue struct{ Key, Value string }

// Port is one port mapping of a container.
type Port struct {
	Container int    // what the program listens on
	Host      int    // as the definition asks; 0 for any
	Protocol  string // "tcp", "udp"; "" is tcp
}

// Network is where a task is found on the network.
type Network struct {
	// Address is what DescribeTasks shows and what targets are registered by: an IPv4 address,
	// of the task's own where the driver and the system allow that.
	Address string
	// Ports lists container ports that are served elsewhere than on Address and their own
	// number. Ports not listed are served as they are.
	Ports []PortAt `json:",omitempty"`
}

// PortAt says where one container port is served.
type PortAt struct {
	Container int    // the container's port
	Host      string // an IPv4 address
	Port      int    // the port there
}

// Handle names one started container. It is plain data; rows keep it.
type Handle struct {
	Task      string
	Container string
	Attempt   int
	ID        string    // unique for this start: what DescribeTasks shows as runtimeId
	Pid       int       // of the program, for people; 0 where the driver has none
	Started   time.Time // the wall's, UTC
}

// Place is what a runtime keeps for one task.
type Place struct {
	Task    Task
	Network Network
	Started []Handle // ordered by container and attempt
}

// Exit says how a container ended.
type Exit struct {
	Code   int       // 0–255; 128 plus the signal for one that a signal ended: 137, 143
	Signal string    // "SIGKILL", …; "" where the program ended by itself
	OOM    bool      // the memory limit ended it
	Reason string    // for people, where Code is not the whole story; "" mostly
	At     time.Time // the wall's, UTC
}

// Address is where to dial.
type Address struct {
	Network string // "tcp" or "unix"
	Address string // "127.64.3.4:8080", or a socket's path
}

// Stream is where a line was written to.
type Stream byte

// The two streams of a program.
const (
	Stdout Stream = 'o'
	Stderr Stream = 'e'
)

// Line is one line a container wrote. Lines longer than the driver's limit, at least 16 KiB,
// come in pieces.
type Line struct {
	At     time.Time // when it was read from the program; the wall's, UTC
	Stream Stream
	Text   string // without its newline; may hold any other bytes
	Mark   Mark   // the place behind this line
}

// Mark is a place in a container's output. It rises along the output and holds for one
// container and attempt.
type Mark int64
