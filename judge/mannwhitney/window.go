package mannwhitney

import "math"

// window counts the pairs for shifts close to each other, as the last steps of
// a search are: only few pairs, its events, change their order within it.
type window struct {
	low, high float64
	// certain is the number of pairs in which x is above y at every shift in
	// [low, high].
	certain int
	events  []event
	open    bool
	// full are the last two shifts that were counted in full.
	full [2]struct {
		mu    float64
		above int
	}
	fulls int
}

// event is a pair that may be in either order.
type event struct{ x, y float64 }

// share is the number of events that a window aims at, as a share of the
// values of both sides.
var share = 0.05

func (w *window) reset() { *w = window{events: w.events} }

// counted notes the result of a full count.
func (w *window) counted(mu float64, above int) {
	w.full[0] = w.full[1]
	w.full[1].mu, w.full[1].above = mu, above
	w.fulls++
}

// count returns the number of pairs in which x - mu > y, with ok = false if any
// pair is equal. covered is false if the window does not reach to mu.
func (w *window) count(t *rankTest, mu float64) (above int, ok, covered bool) {
	if !(w.open && w.low <= mu && mu <= w.high) && !w.move(t, mu) {
		return 0, false, false
	}
	above = w.certain
	ties := 0
	for _, e := range w.events {
		less, notAbove := compare(e.y, e.x-mu)
		above += less
		ties += notAbove - less
	}
	return above, ties == 0, true
}

// move tries to open the window around mu.
func (w *window) move(t *rankTest, mu float64) bool {
	if w.fulls < 2 {
		return false
	}
	aim := share * float64(t.x.size()+t.y.size())
	a, b := w.full[0], w.full[1]
	step := math.Abs(a.mu - b.mu)
	perUnit := math.Abs(float64(a.above-b.above)) / step
	reach := min(step, aim/2/perUnit)
	if !(math.Abs(mu-b.mu) <= reach) {
		return false
	}
	w.low, w.high = mu-reach, mu+reach
	w.open = w.collect(t, int(4*aim))
	return w.open
}

// collect gathers the events between w.low and w.high, unless there are more
// than limit.
func (w *window) collect(t *rankTest, limit int) bool {
	y := t.y.values
	w.certain, w.events = 0, w.events[:0]
	for i, x := range t.x.ascending() {
		least, most := x-w.high, x-w.low
		j := t.places.base + int(t.places.below[i])
		for ; j > 0 && y[j-1] >= least; j-- {
		}
		w.certain += j
		for ; y[j] <= most; j++ {
			w.events = append(w.events, event{x, y[j]})
		}
		if len(w.events) > limit {
			return false
		}
	}
	return true
}
