package lb

import (
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// counter names one number of a cell.
type counter int

const (
	requests counter = iota
	target2XX
	target3XX
	target4XX
	target5XX
	elb3XX
	elb4XX
	elb5XX
	elb500
	elb502
	elb503
	elb504
	connectionErrors
	unhealthyRouted
	newConnections
	fixedResponses
	redirects
	processedBytes
	clientResets
	targetResets
	elbResets
	rejectedFlows
	nonCompliant
	grpcRequests
	longRedirects
	clientHandshakes
	targetHandshakes
	secureConnections
	secureBytes
	counters
)

// A response time falls into one of eight buckets an octave, from a microsecond up.
const (
	octaves   = 32
	perOctave = 8
)

// shard is one CPU's part of a cell, on cache lines of its own.
type shard struct {
	n        [counters]atomic.Uint64
	nanos    atomic.Uint64
	min, max atomic.Uint64 // nanoseconds; min is 0 while there is none
	times    [octaves * perOctave]atomic.Uint32
	_        [64]byte
}

// cell counts for one row. Writers touch their shard only; nothing is locked.
type cell struct {
	shards []shard
	active atomic.Int64 // client connections
	secure atomic.Int64 // those of flows with TLS
	idle   int          // flushes since it was last in a table; guarded by tally.mu
}

func newCell() *cell { return &cell{shards: make([]shard, min(runtime.GOMAXPROCS(0), 8))} }

func (c *cell) add(shard uint32, k counter, n uint64) {
	c.shards[shard%uint32(len(c.shards))].n[k].Add(n)
}

// took notes a response time.
func (c *cell) took(shard uint32, d time.Duration) {
	s := &c.shards[shard%uint32(len(c.shards))]
	n := uint64(max(d, 1))
	s.nanos.Add(n)
	for {
		if old := s.min.Load(); old != 0 && old <= n || s.min.CompareAndSwap(old, n) {
			break
		}
	}
	for {
		if old := s.max.Load(); old >= n || s.max.CompareAndSwap(old, n) {
			break
		}
	}
	s.times[bucket(d)].Add(1)
}

func bucket(d time.Duration) int {
	us := uint64(max(d/time.Microsecond, 1))
	octave := bits.Len64(us) - 1
	part := (us << 3 >> octave) & (perOctave - 1)
	return min(octave*perOctave+int(part), octaves*perOctave-1)
}

// middle is the value a bucket stands for, in seconds.
func middle(b int) float64 {
	octave, part := b/perOctave, b%perOctave
	return math.Ldexp(1+(float64(part)+0.5)/perOctave, octave) / 1e6
}

// take gives what was counted since the last take, and whether there is anything to tell.
func (c *cell) take() (Counts, bool) {
	var n [counters]uint64
	t := Times{}
	var nanos, least, most uint64
	var times [octaves * perOctave]uint64
	for i := range c.shards {
		s := &c.shards[i]
		for k := range n {
			n[k] += s.n[k].Swap(0)
		}
		nanos += s.nanos.Swap(0)
		if m := s.min.Swap(0); m != 0 && (least == 0 || m < least) {
			least = m
		}
		most = max(most, s.max.Swap(0))
		for b := range times {
			if s.times[b].Load() != 0 {
				times[b] += uint64(s.times[b].Swap(0))
			}
		}
	}
	for b, count := range times {
		if count > 0 {
			t.Count += count
			t.Buckets = append(t.Buckets, Bucket{Seconds: middle(b), Count: count})
		}
	}
	out := Counts{
		Requests: n[requests], Target2XX: n[target2XX], Target3XX: n[target3XX], Target4XX: n[target4XX], Target5XX: n[target5XX],
		ELB3XX: n[elb3XX], ELB4XX: n[elb4XX], ELB5XX: n[elb5XX], ELB500: n[elb500], ELB502: n[elb502], ELB503: n[elb503], ELB504: n[elb504],
		ConnectionErrors: n[connectionErrors], UnhealthyRouted: n[unhealthyRouted], NewConnections: n[newConnections],
		ActiveConnections: uint64(max(c.active.Load(), 0)), FixedResponses: n[fixedResponses], Redirects: n[redirects], ProcessedBytes: n[processedBytes],
		ClientResets: n[clientResets], TargetResets: n[targetResets], ELBResets: n[elbResets], RejectedFlows: n[rejectedFlows],
		NonCompliant: n[nonCompliant], GRPCRequests: n[grpcRequests], LongRedirects: n[longRedirects], ClientHandshakes: n[clientHandshakes], TargetHandshakes: n[targetHandshakes],
		NewSecure: n[secureConnections], ActiveSecure: uint64(max(c.secure.Load(), 0)), SecureBytes: n[secureBytes],
	}
	some := out != Counts{}
	if t.Count > 0 {
		t.Sum, t.Min, t.Max = float64(nanos)/1e9, float64(least)/1e9, float64(most)/1e9
		out.Times = &t
		some = true
	}
	return out, some
}

// place names a cell: a balancer, or a target of a group on it.
type place struct {
	balancer, group, target string
	port                    int
}

// tally has all cells. Requests hold their cells by pointer; only a new table and the flush
// come here.
type tally struct {
	mu    sync.Mutex
	cells map[place]*cell
}

// forgotten is how many flushes a cell outlives its place in the table, for requests still in
// flight.
const forgotten = 600

func (t *tally) cell(p place) *cell {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.cells[p]
	if c == nil {
		c = newCell()
		t.cells[p] = c
	}
	c.idle = 0
	return c
}

// flush takes all counts, in the order of their names. The cells for which live answers false
// are forgotten after a while.
func (t *tally) flush(live func(place) bool) []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	places := make([]place, 0, len(t.cells))
	for p := range t.cells {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int {
		if n := strings.Compare(a.balancer, b.balancer); n != 0 {
			return n
		}
		if n := strings.Compare(a.group, b.group); n != 0 {
			return n
		}
		if n := strings.Compare(a.target, b.target); n != 0 {
			return n
		}
		return a.port - b.port
	})
	var rows []Row
	sum := -1 // the row of the present group
	for _, p := range places {
		c := t.cells[p]
		counts, some := c.take()
		if c.idle++; live(p) {
			c.idle = 0
		} else if c.idle > forgotten {
			delete(t.cells, p)
		}
		if !some {
			continue
		}
		if p.group == "" {
			rows = append(rows, Row{Balancer: p.balancer, Counts: counts})
			continue
		}
		if sum < 0 || rows[sum].Balancer != p.balancer || rows[sum].Group != p.group {
			sum = len(rows)
			rows = append(rows, Row{Balancer: p.balancer, Group: p.group})
		}
		rows = append(rows, Row{Balancer: p.balancer, Group: p.group, Target: p.target, Port: p.port, Counts: counts})
		rows[sum].Counts = plus(rows[sum].Counts, counts)
	}
	return rows
}

// plus adds the counts a target can have.
func plus(a, b Counts) Counts {
	a.Requests += b.Requests
	a.Target2XX += b.Target2XX
	a.Target3XX += b.Target3XX
	a.Target4XX += b.Target4XX
	a.Target5XX += b.Target5XX
	a.ConnectionErrors += b.ConnectionErrors
	a.UnhealthyRouted += b.UnhealthyRouted
	a.TargetHandshakes += b.TargetHandshakes
	a.Times = a.Times.plus(b.Times)
	return a
}

func (t *Times) plus(o *Times) *Times {
	if t == nil || o == nil {
		if t == nil {
			return o
		}
		return t
	}
	sum := Times{Count: t.Count + o.Count, Sum: t.Sum + o.Sum, Min: min(t.Min, o.Min), Max: max(t.Max, o.Max)}
	a, b := t.Buckets, o.Buckets
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Seconds < b[0].Seconds:
			sum.Buckets, a = append(sum.Buckets, a[0]), a[1:]
		case len(a) == 0 || b[0].Seconds < a[0].Seconds:
			sum.Buckets, b = append(sum.Buckets, b[0]), b[1:]
		default:
			sum.Buckets = append(sum.Buckets, Bucket{a[0].Seconds, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	return &sum
}
