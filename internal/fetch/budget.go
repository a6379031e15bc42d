package fetch

import "time"

const (
	// budgetSlot is how exactly a budget knows when a request was made; a day
	// counts to the end of a slot, so that no 24 hours see more than allowed.
	budgetSlot  = 5 * time.Minute
	budgetSlots = int64(24*time.Hour/budgetSlot) + 1
)

// budget counts the requests of the last 24 hours.
type budget struct {
	perDay int
	slots  [budgetSlots]int
	newest int64 // slot, counted from 1970
	spent  int
}

func slotOf(t time.Time) int64 { return t.Unix() / int64(budgetSlot/time.Second) }

// pass forgets what is older than a day. A clock that goes back changes
// nothing.
func (b *budget) pass(now time.Time) {
	n := slotOf(now)
	for i := max(b.newest+1, n-budgetSlots+1); i <= n; i++ {
		b.spent -= b.slots[i%budgetSlots]
		b.slots[i%budgetSlots] = 0
	}
	b.newest = max(b.newest, n)
}

// left returns how many requests may still be made.
func (b *budget) left(now time.Time) int {
	b.pass(now)
	return b.perDay - b.spent
}

// take spends a request.
func (b *budget) take(now time.Time) bool {
	if b.left(now) <= 0 {
		return false
	}
	b.slots[b.newest%budgetSlots]++
	b.spent++
	return true
}

// giveBack returns what was taken last but not used.
func (b *budget) giveBack(now time.Time) {
	b.pass(now)
	for i := b.newest; i > b.newest-budgetSlots; i-- {
		if b.slots[i%budgetSlots] > 0 {
			b.slots[i%budgetSlots]--
			b.spent--
			return
		}
	}
}

// room returns when the oldest requests are a day ago.
func (b *budget) room(now time.Time) time.Time {
	b.pass(now)
	for i := b.newest - budgetSlots + 1; i <= b.newest; i++ {
		if b.slots[i%budgetSlots] > 0 {
			return time.Unix((i+budgetSlots)*int64(budgetSlot/time.Second), 0).UTC()
		}
	}
	return now
}
