package reconcile

// Source is one of several revisions that stand on the same side of a rollout.
type Source struct {
	Want    int // tasks it has or was asked to have
	Healthy int // tasks of it that are healthy
}

// Split shares what a side wants among its revisions, which come oldest first; the answer is in
// the same order. What is to go goes from the tasks that are not healthy first, and then from
// the healthy ones, in both cases from the oldest revision on. If the side wants more than its
// revisions have, the newest gets the rest.
//
// Source: ecs.md 5.2, step 4 (source tasks only, unhealthy first). The order among source
// revisions is ours (unconfirmed).
func Split(want int, sources []Source) []int {
	if len(sources) == 0 {
		return nil
	}
	shares := make([]int, len(sources))
	surplus := -max(want, 0)
	for i, s := range sources {
		shares[i] = s.Want
		surplus += s.Want
	}
	for i, s := range sources {
		n := max(min(surplus, s.Want-s.Healthy), 0)
		shares[i] -= n
		surplus -= n
	}
	for i := range sources {
		n := max(min(surplus, shares[i]), 0)
		shares[i] -= n
		surplus -= n
	}
	if surplus < 0 {
		shares[len(shares)-1] -= surplus
	}
	return shares
}
