package mannwhitney

import "math"

// window counts the pairs for shifts close to each other, as the last steps of
// a search are: only few pairs, its events, change their order within it.
type window struct {
	open      bool
	low, high float64
	// certain is the number of pairs in which x is above y at every shift in
	// [low, high].
	certain int
	events  []event
	// before and last are the last two shifts that were counted in full.
	before, last fullCount
}

// event is a pair whose order depends on the shift.
type event struct{ x, y float64 }

type fullCount struct {
	mu    float64
	above int
}

// eventShare is the number of events that a window aims at, relative to the
// number of values. More would make windows wider, but slower to fill.
const eventShare = 0.05

func (w *window) reset() {
	never := fullCount{mu: math.NaN()}
	*w = window{events: w.events, before: never, last: never}
}

// counted notes the result of a full count.
func (w *window) counted(mu float64, above int) {
	w.before, w.last = w.last, fullCount{mu, above}
}

// covers reports whether mu lies in the window, after moving it there if that
// promises to pay.
func (w *window) covers(t *rankTest, mu float64) bool {
	if w.open && w.low <= mu && mu <= w.high {
		return true
	}
	aim := eventShare * float64(t.x.size()+t.y.size())
	step := math.Abs(w.last.mu - w.before.mu)
	perUnit := math.Abs(float64(w.last.above-w.before.above)) / step
	reach := min(step, aim/2/perUnit)
	if !(math.Abs(mu-w.last.mu) <= reach) { // or there were no two counts
		return false
	}
	w.low, w.high = mu-reach, mu+reach
	w.open = w.fill(t, int(4*aim))
	return w.open
}

// fill gathers the events between low and high, unless they are more than
// limit. The places are those at a shift in between.
func (w *window) fill(t *rankTest, limit int) bool {
	y := t.y.ascending()
	w.certain, w.events = 0, w.events[:0]
	for i, x := range t.x.ascending() {
		least, most := x-w.high, x-w.low
		j := t.places.base + int(t.places.below[i])
		for j > 0 && y[j-1] >= least {
			j--
		}
		w.certain += j
		for ; j < len(y) && y[j] <= most; j++ {
			w.events = append(w.events, event{x, y[j]})
		}
		if len(w.events) > limit {
			return false
		}
	}
	return true
}

// count is rankTest.countAbove for a shift within the window.
func (w *window) count(mu float64) (above, equal int) {
	above = w.certain
	for _, e := range w.events {
		less, notAbove := compare(e.y, e.x-mu)
		above += less
		equal += notAbove - less
	}
	return above, equal
}
