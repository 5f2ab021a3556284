package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/fail"
	"github.com/slipway-ecs/slipway/internal/sdk"
)

// The tags of ours on a service. A lease is the first three.
const (
	tagOwner  = "slipway:lease-owner"
	tagReason = "slipway:lease-reason"
	tagUntil  = "slipway:lease-until"
	tagPauses = "slipway:pauses" // stages whose PAUSE hooks a deploy added for itself
	tagGood   = "slipway:good"   // definitions that succeeded, newest first
	tagAnswer = "slipway:answer" // the last answer to a pause, with who and why
)

var leaseTags = []string{tagOwner, tagReason, tagUntil}

const (
	// DefaultLease is how long a lease outlives its owner.
	DefaultLease = time.Minute
	// settled is how long after taking a lease it is read again: two that took it in the same
	// moment both see who was last.
	settled = 300 * time.Millisecond
	// longestTag is how long a tag's value may be.
	longestTag = 256
	// goods is how many successes are remembered.
	goods = 10
)

// Busy says what to do where somebody else deploys.
type Busy string

// What may be done.
const (
	BusyWait    Busy = "wait"    // until the other is done
	BusyReplace Busy = "replace" // take the lease, and the place of what is being deployed
	BusyRefuse  Busy = "refuse"  // change nothing
)

// Lease keeps two deployments of one service apart. It is three tags on the service: owner,
// reason and until. Tags cannot be compared and set at once, so it is taken by writing and
// reading again; of two that write in the same moment the later one has it, and the other sees
// that. One whose write arrives later than the other's second reading is not seen: ECS itself
// then lets the later UpdateService supersede the earlier one, and each run says truly how its
// own deployment ended.
type Lease struct {
	Owner  string        // who, as others shall read it; the same owner never waits for itself
	Reason string        // what for
	For    time.Duration // how long it outlives us; renewed at each third. 0 is DefaultLease
	Busy   Busy          // "" waits for leases, and takes the place of what is deployed without one
	Force  bool          // take it whoever holds it
}

// held is our lease as we know it.
type held struct {
	token   string    // the owner as written; "" where we hold none
	renew   time.Time // by our clock
	checked bool      // read since renew came due
	skew    time.Duration
	took    time.Time
}

// Holder is a lease as it stands on a service.
type Holder struct {
	Owner  string    `json:"owner"`
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until"`
}

// LeaseOf gives the lease that the tags of a service tell of; ok is false where there is none.
// Whether it has expired is for the reader to say.
func LeaseOf(s *types.Service) (h Holder, ok bool) { return holder(tagsOf(s)) }

func holder(tags map[string]string) (h Holder, ok bool) {
	until, err := time.Parse(time.RFC3339, tags[tagUntil])
	if tags[tagOwner] == "" || err != nil {
		return Holder{}, false
	}
	return Holder{Owner: tags[tagOwner], Reason: tags[tagReason], Until: until}, true
}

// server gives the server's time, which leases are written in.
func (w *work) server() time.Time { return w.clock.Now().Add(w.held.skew).UTC() }

// obstacle says who is in the way of a deployment; "" where nobody is.
func obstacle(l *Lease, tags map[string]string, s *types.Service, now time.Time) (who string) {
	if h, ok := holder(tags); ok && h.Until.After(now) && h.Owner != tagValue(l.Owner) && !l.Force {
		who = h.Owner
		if h.Reason != "" {
			who += " (" + h.Reason + ")"
		}
		return fmt.Sprintf("%s holds the lease on it until %s", who, h.Until.Format(time.RFC3339))
	}
	if d := primary(s); d != nil && d.RolloutState == types.DeploymentRolloutStateInProgress && l.Busy != "" {
		return fmt.Sprintf("deployment %s of %s is in progress", aws.ToString(d.Id), last(aws.ToString(d.TaskDefinition)))
	}
	return ""
}

// take takes the lease on the service, as the request says: at once, after waiting, or never.
func (w *work) take(ctx context.Context) error {
	l := w.r.Lease
	if l == nil || w.live == nil || w.engine != nil {
		return nil
	}
	began, told := w.clock.Now(), ""
	limit := w.r.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	for pause := brisk; ; pause = min(calm, pause+brisk) {
		who := obstacle(l, w.tags, w.live, w.server())
		if who == "" || l.Busy == BusyReplace {
			if who != "" {
				w.say(Event{Kind: KindLease, Text: "taking its place: " + who})
			}
			break
		}
		if same, err := w.drafted(ctx); err != nil || same {
			return err // to follow takes no lease
		}
		if l.Busy == BusyRefuse {
			return fail.New("lease.busy", "wait for it, or say --if-busy wait or replace", "service %q is busy: %s", w.out.Service, who)
		}
		if what := strings.SplitN(who, " until ", 2)[0]; what != told {
			told = what
			w.say(Event{Kind: KindLease, Text: "waiting: " + who})
		}
		if w.clock.Now().Sub(began) > limit {
			return fail.New("lease.busy", "take it with --force-lease if nobody works there any more", "service %q was busy for %s: %s", w.out.Service, limit, who)
		}
		if err := w.wait(ctx, pause); err != nil {
			return err
		}
		if err := w.look(ctx); err != nil && !sdk.Lost(err) && !sdk.Throttled(err) {
			return err
		}
	}
	if told != "" {
		if err := w.fits(w.live); err != nil { // it may have moved on meanwhile
			return err
		}
	}
	return w.hold(ctx)
}

// hold writes the lease. Where tags may not be written the deployment goes on without.
func (w *work) hold(ctx context.Context) error {
	token := tagValue(w.r.Lease.Owner)
	tags := map[string]string{tagOwner: token, tagUntil: w.server().Add(w.term()).Format(time.RFC3339Nano)}
	if w.r.Lease.Reason != "" {
		tags[tagReason] = tagValue(w.r.Lease.Reason)
	}
	if added := stagesOf(PausesFor(w.r.Hooks, w.r.Until)); len(added) > 0 {
		tags[tagPauses] = strings.Join(added, " ")
	}
	sent, done := finish(ctx)
	defer done()
	err := w.api.Tag(sent, aws.ToString(w.live.ServiceArn), tags)
	switch {
	case err == nil:
	case sdk.Lost(err) || sdk.Throttled(err): // writing it again is harmless: it says the same
		if err := w.wait(ctx, brisk); err != nil {
			return err
		}
		if err := w.api.Tag(sent, aws.ToString(w.live.ServiceArn), tags); err != nil {
			return sdk.Explain(err, "take the lease on service "+w.out.Service)
		}
	default:
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("the service cannot be tagged (%s): deploying without a lease", sdk.Code(err))})
		return nil
	}
	w.held.token, w.held.took = token, w.clock.Now()
	w.held.renew = w.held.took.Add(w.term() / 3)
	return nil
}

// lease takes the lease on a service that was just made, which nobody else can have had.
func (w *work) lease(ctx context.Context, made *types.Service) {
	if w.r.Lease == nil {
		return
	}
	w.live, w.tags = made, tagsOf(made)
	if err := w.hold(ctx); err != nil {
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("no lease was taken: %v", err)})
	}
}

func (w *work) term() time.Duration {
	if w.r.Lease != nil && w.r.Lease.For > 0 {
		return w.r.Lease.For
	}
	return DefaultLease
}

// keeps makes sure that the lease is still ours before the service is changed.
func (w *work) keeps(ctx context.Context) error {
	if w.held.token == "" {
		return nil
	}
	if since := w.clock.Now().Sub(w.held.took); since < settled {
		if err := w.wait(ctx, settled-since); err != nil {
			return err
		}
	}
	before := w.live
	if err := w.look(ctx); err != nil {
		return sdk.Explain(err, "read the lease on service "+w.out.Service)
	}
	if err := w.fits(w.live); err != nil {
		return err
	}
	// What we edited was taken from what ran before: it still counts.
	w.live, w.out.Previous = before, aws.ToString(before.TaskDefinition)
	if h, ok := holder(w.tags); !ok || h.Owner != w.held.token {
		w.held.token = ""
		who := "somebody"
		if ok {
			who = h.Owner
		}
		return fail.New("lease.lost", "look with `slipway status`, then deploy again", "%s took the lease on service %q: nothing was deployed", who, w.out.Service)
	}
	return nil
}

// keep renews the lease when it is time, in two calls at two turns: whose it is, then the
// writing. called reports whether a call was made.
func (w *work) keep(ctx context.Context) (called bool) {
	if w.held.token == "" || w.clock.Now().Before(w.held.renew) {
		return false
	}
	if !w.held.checked {
		s, err := describe(ctx, w.api, w.r.Cluster, w.r.Service)
		if err != nil || s == nil {
			return true
		}
		if h, ok := holder(tagsOf(s)); !ok || h.Owner != w.held.token {
			w.held.token = ""
			w.say(Event{Kind: KindLease, Text: "the lease on the service is not ours any more: " + h.Owner + " has it; following our deployment all the same"})
			return true
		}
		w.held.checked = true
		return true
	}
	until := w.server().Add(w.term()).Format(time.RFC3339Nano)
	if err := w.api.Tag(ctx, aws.ToString(w.live.ServiceArn), map[string]string{tagUntil: until}); err == nil {
		w.held.renew, w.held.checked = w.clock.Now().Add(w.term()/3), false
	}
	return true
}

// meanwhile does something long and keeps the lease until it ends.
func (w *work) meanwhile(ctx context.Context, do func(context.Context)) {
	ended := make(chan struct{})
	go func() { // waited for below
		defer close(ended)
		do(ctx)
	}()
	for {
		t := w.clock.NewTimer(calm)
		select {
		case <-ended:
			t.Stop()
			return
		case <-t.C():
			w.keep(ctx)
		}
	}
}

// settle remembers a success beside the lease.
func (w *work) settle(ctx context.Context) {
	if w.out.Verdict != Succeeded || w.held.token == "" || w.arn == "" {
		return
	}
	list := append([]string{last(w.arn)}, slices.DeleteFunc(strings.Fields(w.tags[tagGood]), func(r string) bool { return r == last(w.arn) })...)
	value := strings.Join(list[:min(len(list), goods)], " ")
	for len(value) > longestTag {
		value = value[:strings.LastIndexByte(value, ' ')]
	}
	if value == w.tags[tagGood] {
		return
	}
	sent, done := finish(ctx)
	defer done()
	if err := w.api.Tag(sent, aws.ToString(w.live.ServiceArn), map[string]string{tagGood: value}); err != nil {
		w.say(Event{Kind: KindWarning, Text: fmt.Sprintf("the success could not be noted on the service: %v", err)})
	}
}

// release gives the lease back, if it is still ours.
func (w *work) release(ctx context.Context) {
	if w.held.token == "" {
		return
	}
	sent, done := finish(ctx)
	defer done()
	s, err := describe(sent, w.api, w.r.Cluster, w.r.Service)
	if err != nil || s == nil {
		return // it expires
	}
	if h, ok := holder(tagsOf(s)); !ok || h.Owner != w.held.token {
		return
	}
	keys := slices.Clone(leaseTags)
	if w.tags[tagPauses] != "" && len(PausesFor(w.r.Hooks, w.r.Until)) == 0 && w.out.Deployment != "" {
		keys = append(keys, tagPauses)
	}
	_ = w.api.Untag(sent, aws.ToString(s.ServiceArn), keys) // it expires
	w.held.token = ""
}

// tagValue gives a text as tags take it.
//
// Source: the ECS API reference, Tag: letters, digits, space and _ . : / = + - @, 256 at most.
func tagValue(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" _.:/=+-@", r):
			return r
		}
		return '-'
	}, s)
	return strings.TrimSpace(out[:min(len(out), longestTag)])
}
