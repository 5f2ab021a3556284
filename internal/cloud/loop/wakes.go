package loop

import (
	"cmp"
	"container/heap"
	"time"
)

// wakes knows when to look at which key again: one time a key, the earliest first, and equal
// times by keeper and key, so that the same wakes always lead to the same order of commits.
type wakes struct {
	at   map[what]time.Time
	heap wakeHeap // may hold times that at no longer has; they are passed over
}

// slack is how many times that count no more the heap may hold beside as many as count.
const slack = 64

type wakeAt struct {
	at time.Time
	w  what
}

// set makes at the one time of w.
func (k *wakes) set(w what, at time.Time) {
	if was, ok := k.at[w]; ok && was.Equal(at) {
		return
	}
	if k.at == nil {
		k.at = map[what]time.Time{}
	}
	k.at[w] = at
	heap.Push(&k.heap, wakeAt{at, w})
	if len(k.heap) > 2*len(k.at)+slack {
		k.tidy()
	}
}

// tidy leaves out the times that at no longer has, so that keys looked at over and over long
// before their wake take no more room than others.
func (k *wakes) tidy() {
	k.heap = k.heap[:0]
	for w, at := range k.at {
		k.heap = append(k.heap, wakeAt{at, w})
	}
	heap.Init(&k.heap)
}

// clear forgets w's time.
func (k *wakes) clear(w what) { delete(k.at, w) }

// first gives the earliest time there is.
func (k *wakes) first() (time.Time, bool) {
	for len(k.heap) > 0 {
		top := k.heap[0]
		if at, ok := k.at[top.w]; ok && at.Equal(top.at) {
			return top.at, true
		}
		heap.Pop(&k.heap)
	}
	return time.Time{}, false
}

// due takes out one key whose time has come by now.
func (k *wakes) due(now time.Time) (what, bool) {
	at, ok := k.first()
	if !ok || at.After(now) {
		return what{}, false
	}
	w := heap.Pop(&k.heap).(wakeAt).w
	delete(k.at, w)
	return w, true
}

type wakeHeap []wakeAt

func (h wakeHeap) Len() int      { return len(h) }
func (h wakeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *wakeHeap) Push(x any)   { *h = append(*h, x.(wakeAt)) }
func (h wakeHeap) Less(i, j int) bool {
	return cmp.Or(h[i].at.Compare(h[j].at), cmp.Compare(h[i].w.keeper, h[j].w.keeper), cmp.Compare(h[i].w.key, h[j].w.key)) < 0
}

func (h *wakeHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
