package lb

import (
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
)

// shared is a listener's place at the address all balancers share: the port asked for, or what
// stands in for it. Its methods but number are called under plane.mu.
type shared struct {
	ln    net.Listener // nil where no port could be had
	why   string       // why it is not the port asked for
	bound atomic.Int64 // the port got; 0 where none could be had
}

// number is the port got; 0 where none could be had.
func (s *shared) number() int { return int(s.bound.Load()) }

// open listens on a port of the host, or on what stands in for it while that is taken or privileged.
// It is safe to repeat: the port asked for is tried again, and what stood in for it is closed once
// that is had, while its connections go on. It gives the listener that is to be served; nil where
// that is the one there was, or none could be had.
func (s *shared) open(log *slog.Logger, host string, number, substitute int) net.Listener {
	if s.ln == nil {
		var got int
		s.ln, got, s.why = bind(host, number, substitute)
		s.bound.Store(int64(got))
		if s.ln == nil {
			log.Error("no port for a listener", "port", number, "err", s.why)
		}
		return s.ln
	}
	if s.number() == number {
		return nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(number)))
	if err != nil {
		return nil // why is known
	}
	_ = s.ln.Close() // it accepts nothing more either way
	s.ln, s.why = ln, ""
	s.bound.Store(int64(number))
	return ln
}

// wide reports whether the listener has all addresses of the machine.
func (s *shared) wide() bool { return s.ln != nil && s.ln.Addr().(*net.TCPAddr).IP.IsUnspecified() }

// bind listens on a port of the host, on the substitute where it is taken or privileged, or else
// on any free one. It tells the port got and why that is not the one asked for; ln is nil where
// none could be had.
func bind(host string, number, substitute int) (ln net.Listener, got int, why string) {
	tries := []int{number}
	if substitute != 0 && substitute != number {
		tries = append(tries, substitute)
	}
	for _, try := range append(tries, 0) {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(try)))
		if err == nil {
			return ln, ln.Addr().(*net.TCPAddr).Port, why
		}
		if why == "" {
			why = err.Error()
		}
	}
	return nil, 0, why
}
