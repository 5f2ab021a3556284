package main

// fault is one change to make: old, which is in the file once, becomes new.
type fault struct{ what, file, old, new string }

const (
	stepFile  = "internal/rollout/step.go"
	rollFile  = "internal/rollout/roll.go"
	backFile  = "internal/rollout/back.go"
	tasksFile = "internal/reconcile/tasks.go"
)

var faults = []fault{
	{"one healthy task too many is given up", rollFile,
		"spare := well + f.healthy() - t.p.Min ", "spare := well + f.healthy() - t.p.Min + 1 "},
	{"the room for new tasks is one too many", stepFile,
		"t.room = t.p.Max", "t.room = t.p.Max + 1"},
	{"room is counted by what runs alone", "internal/rollout/observe.go",
		"n := max(c.Want, c.Running)", "n := c.Running"},
	{"tasks told to stop take no room where they should", "internal/rollout/observe.go",
		"n += c.Leaving", "n += 0"},
	{"unhealthy old tasks are protected", rollFile,
		"sick := max(f.Want-f.healthy(), 0)", "sick := 0 * f.Want"},
	{"healthy old tasks go before any new one is healthy", rollFile,
		"if well > 0 || wantTo == 0 {", "if well >= 0 {"},
	{"a roll ends before the new tasks are healthy", rollFile,
		"return o.Want == 0 && o.Running == 0 && n.Want == t.p.Desired && n.healthy() >= t.p.Desired",
		"return o.Want == 0 && o.Running == 0 && n.Want == t.p.Desired"},
	{"a hold is not held", stepFile,
		"left := g.For - t.spent(); left > 0", "left := g.For - t.spent(); left > g.For"},
	{"a pause counts as time held", stepFile,
		"t.s.Status, t.s.Entered = Running, t.now", "t.s.Status = Running"},
	{"traffic moves before the new side is healthy", stepFile,
		"if n >= t.p.Desired && (n > 0 || o == 0) {", "if n >= 0 || o == 0 {"},
	{"traffic may fall going forward", stepFile,
		"if t.o.Share[r] >= share {", "if t.o.Share[r] == share {"},
	{"traffic goes back before the old side can carry it", backFile,
		"return r == Test || o >= need || n == 0 && (o > 0 || t.p.Desired == 0)", "return need+o+n > 0"},
	{"new tasks go before the traffic is back", backFile,
		"if t.returned() {", "if t.returned() || true {"},
	{"a rollback ends with new tasks left", backFile,
		"o.healthy() >= t.p.Desired && n.gone()", "o.healthy() >= t.p.Desired && n.Leaving >= 0"},
	{"a paused rollout ignores its guards", stepFile,
		"if t.s.Status != Running && t.s.Status != Paused ||", "if t.s.Status != Running ||"},
	{"every second command is missed", stepFile,
		"!t.s.Over(); t.s.Seen++ {", "!t.s.Over(); t.s.Seen += 2 {"},
	{"a first deployment rolls back", stepFile,
		"t.s.Status == RollingBack || t.p.First ||", "t.s.Status == RollingBack ||"},
	{"a rollback has no deadline", backFile,
		"if t.s.Status != RollingBack || t.p.Deadline <= 0 {", "if true {"},
	{"the old side goes while it has traffic", rollFile,
		"if t.shifts(Production) && !t.shift(Production, All) {", "if false {"},
	{"the breaker trips one failure late", "internal/rollout/breaker.go",
		"failed >= b.Limit(desired)", "failed > b.Limit(desired)"},
	{"the breaker's limit rounds down", "internal/rollout/breaker.go",
		"(max(desired, 0)*value + 99) / 100", "max(desired, 0) * value / 100"},
	{"the lower bound rounds down", "internal/strategy/rolling.go",
		"(desired*minPercent + 99) / 100", "desired * minPercent / 100"},
	{"a task without checks is healthy at once", "internal/reconcile/task.go",
		"const Settle = 40 * time.Second", "const Settle = 0 * time.Second"},
	{"a sick task is stopped before its replacement is healthy", tasksFile,
		"extra -= max(0, min(len(s.sick), len(s.new), extra, s.goal.Want-len(s.fit)))", "extra -= 0"},
	{"more tasks are started than there is room for", tasksFile,
		"n = min(n, t.room.Upper-t.live)", "n = min(n, t.room.Upper-t.live+1)"},
	{"protected tasks are stopped", tasksFile,
		"if protected(*task, t.now) {\n\t\tt.by(task.ProtectedUntil)\n\t\treturn false", "if false {\n\t\treturn false"},
	{"running alone resets the breaker", "internal/reconcile/failures.go",
		"f.Ran, f.Launches = true, 0", "f.Ran, f.Launches, f.Count = true, 0, 0"},
	{"back-off begins one failure early", "internal/reconcile/failures.go",
		"BackoffFrom  = 3 ", "BackoffFrom  = 2 "},
}
