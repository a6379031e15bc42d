package mine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCells: cells hold what was counted, sorted, in whatever order it came.
func TestCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type place struct {
			At       int32
			Instance uint16
		}
		places := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) place {
			return place{rapid.Int32Range(0, 40).Draw(t, "at"), rapid.Uint16Range(0, 5).Draw(t, "instance")}
		}), 0, 300).Draw(t, "places")
		var cells Cells
		want := map[place]uint32{}
		for _, p := range places {
			if isNew := cells.add(p.At, p.Instance); isNew != (want[p] == 0) {
				t.Fatalf("a new cell: %v, with %d lines in it", isNew, want[p])
			}
			want[p]++
		}
		if len(cells) != len(want) || !slices.IsSortedFunc(cells, func(a, b Cell) int { return int(a.key() - b.key()) }) {
			t.Fatalf("%d cells, want %d, sorted", len(cells), len(want))
		}
		for _, c := range cells {
			if want[place{c.At, c.Instance}] != c.Lines {
				t.Fatalf("%+v, want %d lines", c, want[place{c.At, c.Instance}])
			}
		}
		wide := slices.Clone(cells).coarser()
		total := 0
		for _, c := range wide {
			total += int(c.Lines)
		}
		if total != len(places) {
			t.Fatalf("%d lines in wider cells, want %d", total, len(places))
		}
		shuffled := slices.Clone(cells)
		rand.New(rand.NewPCG(1, uint64(len(cells)))).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if !slices.Equal(shuffled.Sum(), cells) {
			t.Fatal("the sum of cells depends on their order")
		}
	})
}

func TestCellsFull(t *testing.T) {
	c := Cells{{Lines: 1<<32 - 1}}
	c.add(0, 0)
	if c[0].Lines != 1<<32-1 {
		t.Errorf("a full cell has %d lines after one more", c[0].Lines)
	}
}
