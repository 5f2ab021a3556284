package function

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// outcome says how far a call came in an environment.
type outcome int

const (
	served  outcome = iota // there is a result
	untaken                // the environment ended before it took the event
	late                   // it was not ready in time and was killed
)

// call serves one call.
func (e *environment) call(ctx context.Context, c Call) (Result, outcome) {
	root := fmt.Sprintf("Root=1-%08x-%s", time.Now().Unix(), e.runner.o.IDs.Hex(24))
	j := &job{
		Call: c, trace: root + ";Parent=" + e.runner.o.IDs.Hex(16) + ";Sampled=0", context: c.Context, attempt: e.runner.o.IDs.UUID(),
		limit: e.spec.Timeout, taken: make(chan struct{}), answers: make(chan Result, 1),
	}
	warm := e.told
	if !warm {
		e.told = true
		if res, how, over := e.init(ctx, j); over {
			return res, how
		}
	}
	e.out.catchUp(ctx) // what it wrote while it came up stands before the first call
	e.out.mute()
	e.out.say("START RequestId: %s Version: %s", c.RequestID, e.spec.Version)
	began := time.Now()
	timeout := time.NewTimer(j.limit)
	defer timeout.Stop()
	select {
	case e.calls <- j:
	case <-e.exited:
		if warm {
			return Result{}, untaken
		}
		return e.report(ctx, j, began, e.ended(c), "error", e.exitKind), served
	case <-timeout.C:
		return e.expire(ctx, j, began), served
	}
	select {
	case res := <-j.answers:
		e.out.catchUp(ctx)
		return e.report(ctx, j, began, res, "", ""), served
	case <-e.exited:
		if !e.abandon(j) {
			return e.report(ctx, j, began, <-j.answers, "", ""), served
		}
		return e.report(ctx, j, began, e.ended(c), "error", e.exitKind), served
	case <-timeout.C:
		if !e.abandon(j) {
			return e.report(ctx, j, began, <-j.answers, "", ""), served
		}
		return e.expire(ctx, j, began), served
	}
}

// init waits until a new environment is ready; over says that the call ends here.
func (e *environment) init(ctx context.Context, j *job) (res Result, how outcome, over bool) {
	limit := initPatience
	if e.again {
		limit = e.spec.Timeout
	}
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case <-e.ready:
		if e.again { // all of it is the function's time
			j.limit = max(j.limit-time.Since(e.began), time.Millisecond)
		}
		return Result{}, served, false
	case told := <-e.initFailed:
		e.peak()
		e.endInit()
		return e.fail(ctx, j, Result{Payload: told, Error: unhandled}, kindOf(told)), served, true
	case <-e.exited:
		select {
		case told := <-e.initFailed:
			return e.fail(ctx, j, Result{Payload: told, Error: unhandled}, kindOf(told)), served, true
		default:
		}
		return e.fail(ctx, j, e.ended(j.Call), e.exitKind), served, true
	case <-patience.C:
		e.kill()
		e.out.say("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: timeout", ms(time.Since(e.began)))
		e.out.flush(ctx)
		if !e.again {
			return Result{}, late, true
		}
		e.out.mute()
		e.out.say("START RequestId: %s Version: %s", j.RequestID, e.spec.Version)
		return e.expire(ctx, j, e.began), served, true
	}
}

// endInit gives an environment that said it cannot come up a moment to end by itself.
func (e *environment) endInit() {
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	select {
	case <-e.exited:
	case <-patience.C:
		e.kill()
	}
}

// fail ends a call whose environment did not come up.
func (e *environment) fail(ctx context.Context, j *job, res Result, kind string) Result {
	e.out.say("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: error\tError Type: %s", ms(time.Since(e.began)), kind)
	e.out.say("START RequestId: %s Version: %s", j.RequestID, e.spec.Version)
	return e.report(ctx, j, e.began, res, "error", kind)
}

// ended is the result of a call whose process ended.
func (e *environment) ended(c Call) Result {
	text := fmt.Sprintf("RequestId: %s Error: %s", c.RequestID, e.exitText)
	e.out.say("%s", text)
	e.out.say("%s", e.exitKind)
	return failed(e.exitKind, text)
}

// expire kills the process of a call that took too long.
func (e *environment) expire(ctx context.Context, j *job, began time.Time) Result {
	e.kill()
	text := fmt.Sprintf("Task timed out after %.2f seconds", e.spec.Timeout.Seconds())
	e.out.say("%s %s %s", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), j.RequestID, text)
	return e.report(ctx, j, began, failed("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: %s", j.RequestID, text)), "timeout", "")
}

func failed(kind, message string) Result {
	text, err := json.Marshal(failure{kind, message})
	if err != nil {
		panic("function: two strings cannot be written as JSON: " + err.Error())
	}
	return Result{Payload: text, Error: unhandled}
}

// kindOf gives the errorType a runtime told.
func kindOf(told []byte) string {
	var f failure
	if json.Unmarshal(told, &f) != nil || f.Type == "" {
		return "Runtime.Unknown"
	}
	return f.Type
}

// report writes the lines that end a call's log, and gives the result with the log's end.
func (e *environment) report(ctx context.Context, j *job, began time.Time, res Result, status, kind string) Result {
	took := ms(time.Since(began))
	if status == "timeout" {
		took = ms(e.spec.Timeout)
	}
	e.out.say("END RequestId: %s", j.RequestID)
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		j.RequestID, took, math.Ceil(took), e.spec.MemoryMiB, e.peak())
	if first := e.initTook(); first > 0 {
		line += fmt.Sprintf("Init Duration: %.2f ms\t", ms(first))
	}
	if status != "" {
		line += "Status: " + status + "\t"
	}
	if kind != "" {
		line += "Error Type: " + kind + "\t"
	}
	e.out.say("%s", line)
	e.out.flush(ctx)
	res.Tail = e.out.last()
	return res
}

// initTook gives how long the environment took to be ready, to its first call alone.
func (e *environment) initTook() time.Duration {
	select {
	case <-e.ready:
	default:
		return 0
	}
	first := e.readyAt.Sub(e.began)
	e.readyAt = e.began
	return first
}

// peak gives the most memory the process has had, as far as it is known.
func (e *environment) peak() int {
	if now := peakMiB(e.pid); now > 0 {
		e.most = now
	}
	return e.most
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
