package fetch

import "slices"

// waiter is a request that waits for its turn.
type waiter struct {
	ready chan struct{} // closed when its turn has come
	lines []*line       // where it stands; nil once it has had its turn or left
}

// line is what one owner waits for, in the order of its coming.
type line struct {
	owner   string
	waiters []*waiter
}

// turns are the lines of all owners; the first of the round is served next.
type turns struct {
	lines map[string]*line
	round []*line
	n     int // of waiters
}

// join puts a waiter into its owners' lines.
func (t *turns) join(w *waiter, owners []string) {
	t.n++
	for _, owner := range owners {
		t.enlist(w, owner)
	}
}

// enlist puts a waiter into one more line.
func (t *turns) enlist(w *waiter, owner string) {
	l := t.lines[owner]
	if l == nil {
		l = &line{owner: owner}
		if t.lines == nil {
			t.lines = map[string]*line{}
		}
		t.lines[owner] = l
		t.round = append(t.round, l)
	}
	if !slices.Contains(w.lines, l) {
		w.lines = append(w.lines, l)
		l.waiters = append(l.waiters, w)
	}
}

// next takes out who is served next, nil if nobody waits. The owner's line goes
// to the end of the round.
func (t *turns) next() *waiter {
	if len(t.round) == 0 {
		return nil
	}
	l := t.round[0]
	t.round = append(t.round[1:], l)
	w := l.waiters[0]
	t.leave(w)
	return w
}

// leave takes a waiter out of its lines, and lines that end out of the round.
func (t *turns) leave(w *waiter) {
	t.n--
	for _, l := range w.lines {
		if l.waiters = without(l.waiters, w); len(l.waiters) == 0 {
			delete(t.lines, l.owner)
			t.round = without(t.round, l)
		}
	}
	w.lines = nil
}

// without removes v, which is usually the first or the last.
func without[T comparable](list []T, v T) []T {
	var none T
	switch n := len(list); {
	case list[0] == v:
		list[0] = none // do not hold it
		return list[1:]
	case list[n-1] == v:
		list[n-1] = none
		return list[:n-1]
	default:
		return slices.DeleteFunc(list, func(other T) bool { return other == v })
	}
}
