package lb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-ecs/slipway/internal/balance"
	"github.com/slipway-ecs/slipway/internal/proc"
)

// ErrAbsent says that no data plane serves a directory.
var ErrAbsent = errors.New("no data plane")

const (
	// startPatience is how long a new data plane may take until its socket answers.
	startPatience = 10 * time.Second
	// startLook is how often that is tried.
	startLook = 2 * time.Millisecond
	// maxLog is the size at which the log of a former data plane is begun anew.
	maxLog = 1 << 20
)

// Client is the daemon's side of the socket. Its methods may be called by several goroutines.
type Client struct {
	dir    string
	conn   net.Conn
	hello  Hello
	events chan Event
	left   chan struct{} // closed by Close: nobody reads events any more

	mu    sync.Mutex // one command at a time; guards lines
	lines *json.Encoder
	once  sync.Once
}

// Open finds the data plane of a directory, or starts one: exe with args and "--dir DIR", in a
// session of its own, so that it outlives this process and its terminal. It is the same to call
// it twice, but the later client ends the connection of the earlier.
func Open(ctx context.Context, exe string, args []string, dir string) (*Client, error) {
	c, err := Dial(ctx, dir)
	if !errors.Is(err, ErrAbsent) {
		return c, err
	}
	return Start(ctx, exe, args, dir)
}

// Dial speaks to the data plane that serves a directory. It answers ErrAbsent where there is
// none.
func Dial(ctx context.Context, dir string) (*Client, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w in %s", ErrAbsent, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reach the data plane: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends the wait for hello
	in := bufio.NewReader(conn)
	var first Event
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &first)
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil || first.Hello == nil {
		_ = conn.Close() // the first error is the one to tell
		if err == nil {
			err = errors.New("it does not say hello")
		}
		return nil, fmt.Errorf("reach the data plane: %w", err)
	}
	c := &Client{dir: dir, conn: conn, hello: *first.Hello, events: make(chan Event, 64), left: make(chan struct{}), lines: json.NewEncoder(conn)}
	go c.read(in) // ends with the connection; Events is closed then
	return c, nil
}

// Start starts a data plane for a directory that has none; see Open. Its log is DIR/lb.log.
func Start(ctx context.Context, exe string, args []string, dir string) (*Client, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "lb.log")
	mode := os.O_APPEND
	if info, err := os.Stat(name); err == nil && info.Size() > maxLog {
		mode = os.O_TRUNC
	}
	log, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|mode, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()                                                             //nolint:errcheck // the child has its own
	cmd := exec.Command(exe, append(args[:len(args):len(args)], "--dir", dir)...) //nolint:gosec // ourselves
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the data plane: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // for as long as both live: it is our child, and must not stay a zombie
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	look := time.NewTicker(startLook)
	defer look.Stop()
	for {
		c, err := Dial(ctx, dir)
		if !errors.Is(err, ErrAbsent) {
			return c, err
		}
		select {
		case err := <-ended:
			// Another one may have been faster: then ours left politely, and that one answers.
			if c, derr := Dial(ctx, dir); derr == nil {
				return c, nil
			}
			return nil, fmt.Errorf("the data plane ended at once (see %s): %w", name, errors.Join(err, ErrAbsent))
		case <-ctx.Done():
			return nil, fmt.Errorf("the data plane does not answer (see %s): %w", name, context.Cause(ctx))
		case <-look.C:
		}
	}
}

// read hands events on until the connection ends.
func (c *Client) read(in *bufio.Reader) {
	defer close(c.events)
	lines := json.NewDecoder(in)
	for {
		var e Event
		if lines.Decode(&e) != nil {
			return
		}
		select {
		case c.events <- e:
		case <-c.left:
			return
		}
	}
}

// Hello is what the data plane said first: who it is, and by which table it serves.
func (c *Client) Hello() Hello { return c.hello }

// Events gives what the data plane says, in order. It must be read; it is closed when the
// connection ends, because the data plane left, another daemon came, or Close was called.
func (c *Client) Events() <-chan Event { return c.events }

// Serve hands over a table. The data plane answers with a Serving event of its version once
// every new request goes by it; of tables handed over in quick succession only the last may be
// answered.
func (c *Client) Serve(t balance.Table) error { return c.send(Command{Table: &t}) }

// Seen says that reports up to seq are kept, so that they need not be sent again.
func (c *Client) Seen(seq uint64) error { return c.send(Command{Seen: seq}) }

// Close ends the connection only; the data plane goes on serving.
func (c *Client) Close() error {
	c.once.Do(func() { close(c.left) })
	return c.conn.Close()
}

// Stop tells the data plane to leave as a lame duck and waits until its process has given the
// directory back and is gone, or ctx ends. Somebody must read Events meanwhile.
func (c *Client) Stop(ctx context.Context) error {
	process, err := proc.Identify(c.hello.PID)
	if errors.Is(err, proc.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.send(Command{Stop: true}); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		unlock, err := lock(c.dir)
		switch {
		case err == nil:
			if unlock(); !proc.Alive(process) {
				return nil
			}
		case errors.Is(err, os.ErrNotExist):
			return nil
		case !errors.Is(err, errTaken):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the data plane (pid %d) does not leave: %w", c.hello.PID, context.Cause(ctx))
		case <-look.C:
		}
	}
}

func (c *Client) send(m Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lines.Encode(m); err != nil {
		return fmt.Errorf("tell the data plane: %w", err)
	}
	return nil
}
