package fetch

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestBudgetAgainstAList compares with a list of all requests.
func TestBudgetAgainstAList(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	rapid.Check(t, func(t *rapid.T) {
		b := &budget{perDay: rapid.IntRange(1, 20).Draw(t, "a day")}
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		var taken []time.Time
		within := func(span time.Duration) (n int) {
			for _, at := range taken {
				if now.Sub(at) < span {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(8*time.Hour)).Draw(t, "pause")))
			if got, most := b.left(now), b.perDay-within(day); got > most || got < b.perDay-within(day+budgetSlot) {
				t.Fatalf("%d are left, want at most %d, and a request counts for a day and %s at most", got, most, budgetSlot)
			}
			if b.take(now) {
				taken = append(taken, now)
				if rapid.IntRange(0, 4).Draw(t, "not sent") == 0 {
					b.giveBack(now)
					taken = taken[:len(taken)-1]
				}
				continue
			}
			if room := b.room(now); !room.After(now) || room.Sub(now) > day+budgetSlot {
				t.Fatalf("at %s the room is at %s", now, room)
			}
		}
	})
}

func TestBudgetsClock(t *testing.T) {
	t.Parallel()
	b := &budget{perDay: 2}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.take(now)
	b.take(now.Add(-time.Hour)) // a clock that was set back forgets nothing
	if b.take(now) {
		t.Error("took a third")
	}
	if got := b.left(now.Add(1000 * 24 * time.Hour)); got != 2 {
		t.Errorf("%d left after years, want 2", got)
	}
	if got := b.room(now.Add(1000 * 24 * time.Hour)); !got.Equal(now.Add(1000 * 24 * time.Hour)) {
		t.Errorf("an empty budget has room at %s, want now", got)
	}
}

// A request counts for a whole day, wherever in its slot it was made.
func TestBudgetsDay(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{midnight, midnight.Add(budgetSlot - 1), midnight.Add(budgetSlot / 2)} {
		b := &budget{perDay: 1}
		if !b.take(at) || b.take(at.Add(24*time.Hour-1)) {
			t.Errorf("%s: two were taken within a day", at)
		}
		if room := b.room(at); !b.take(room) || room.Sub(at) > 24*time.Hour+budgetSlot {
			t.Errorf("%s: there is no room at %s", at, room)
		}
	}
}
