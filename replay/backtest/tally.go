package backtest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/judged-dev/judged/judge"
)

// tally counts results.
type tally struct {
	Options

	cases, healthy, faulty, unlike int
	skipped                        int
	firstSkipped                   error
	overall                        *stratum
	tables                         []table
}

type table struct {
	by     []Dimension
	strata map[string]*stratum
}

// stratum counts what each judge says of some cases.
type stratum struct {
	levels []level
	judges []counts
}

// counts is what one judge said.
type counts struct {
	healthy, faulty verdicts
	cells           map[cell]*Rate
	mustCatch       map[Injection]*Rate
	curve           curve
}

// verdicts are the verdicts on the cases of one kind.
type verdicts struct {
	group     Group
	firstFail map[int]int // cases by the intervals until the first FAIL
	windows   map[int]int // the same cases by their length
}

// cell is what a macro mean is over.
type cell struct {
	source, pairing, shape string
	window                 int
}

// Limits of what a hostile file can make grow. Cases beyond are in the pooled
// numbers, and in a stratum of their own.
const (
	maxStrata = 5000
	maxCells  = 5000
	other     = "(others)"
)

func newTally(o Options) *tally {
	t := &tally{Options: o, overall: newStratum(nil, len(o.Judges))}
	for _, by := range o.By {
		t.tables = append(t.tables, table{by, map[string]*stratum{}})
	}
	return t
}

func newStratum(levels []level, judges int) *stratum {
	return &stratum{levels, make([]counts, judges)}
}

func (t *tally) skip(err error) {
	if t.skipped == 0 {
		t.firstSkipped = err
	}
	t.skipped++
}

// unlike is the pairing of arms that are known to differ though nothing was
// changed. To call a FAIL of theirs a false alarm would be wrong.
const unlike = "sibling-unlike"

func (t *tally) add(r *Result) {
	t.cases++
	scored := true
	switch {
	case r.Faulty:
		t.faulty++
	case r.Pairing == unlike:
		t.unlike++
		scored = false
	default:
		t.healthy++
	}
	if scored {
		t.overall.add(r)
	}
	for i := range t.tables {
		if scored || slices.Contains(t.tables[i].by, ByPairing) {
			t.tables[i].of(r, len(t.Judges)).add(r)
		}
	}
}

// of returns the stratum of a result.
func (t *table) of(r *Result, judges int) *stratum {
	levels := make([]level, len(t.by))
	var key strings.Builder
	for i, d := range t.by {
		levels[i] = d.of(&r.Labels)
		key.WriteString(levels[i].text)
		key.WriteByte(0)
	}
	s := t.strata[key.String()]
	if s != nil {
		return s
	}
	if len(t.strata) >= maxStrata {
		for i := range levels {
			levels[i] = level{name: "\U0010ffff", text: other} // behind all
		}
		if s := t.strata[other]; s != nil {
			return s
		}
		s = newStratum(levels, judges)
		t.strata[other] = s
		return s
	}
	s = newStratum(levels, judges)
	t.strata[key.String()] = s
	return s
}

func (s *stratum) add(r *Result) {
	for i := range s.judges {
		c, o := &s.judges[i], &r.Outcomes[i]
		fail := o.Verdict == judge.Fail
		c.curve.add(o.Suspicion, r.Faulty)
		kind := &c.healthy
		if r.Faulty {
			kind = &c.faulty
			if r.Injected.MustCatch() {
				bump(&c.mustCatch, Injection{Type: r.Injected.Type, Size: r.Injected.Size}, fail)
			}
		} else {
			bump(&c.cells, cell{r.Source, r.Pairing, r.Shape, r.Window}, fail)
		}
		kind.add(o.Verdict)
		if r.Looks != nil {
			kind.addLooks(r.Looks[i], r.Intervals)
		}
	}
}

func bump[K comparable](m *map[K]*Rate, key K, hit bool) {
	if *m == nil {
		*m = map[K]*Rate{}
	}
	r := (*m)[key]
	if r == nil {
		if len(*m) >= maxCells {
			return
		}
		r = &Rate{}
		(*m)[key] = r
	}
	r.add(hit)
}

func (a *verdicts) add(v judge.Verdict) {
	switch v {
	case judge.Fail:
		a.group.Fail++
	case judge.Inconclusive:
		a.group.Inconclusive++
	case judge.Pass:
		a.group.Pass++
	default:
		a.group.Error++
	}
}

func (a *verdicts) addLooks(l Looks, window int) {
	if l.FirstFail == 0 {
		return
	}
	if a.firstFail == nil {
		a.firstFail, a.windows = map[int]int{}, map[int]int{}
	}
	a.group.AnyLook++
	a.firstFail[l.FirstFail]++
	a.windows[window]++
}

// summary is the group with its medians.
func (a *verdicts) summary() Group {
	g := a.group
	g.MedianFirstFail, g.MedianWindow = median(a.firstFail), median(a.windows)
	return g
}

// median is the lower median of values that are counted.
func median(counted map[int]int) int {
	n := 0
	for _, c := range counted {
		n += c
	}
	below := 0
	for _, v := range slices.Sorted(maps.Keys(counted)) {
		if below += counted[v]; 2*below >= n {
			return v
		}
	}
	return 0
}

func (t *tally) report() *Report {
	r := &Report{
		Cases: t.cases, Healthy: t.healthy, Faulty: t.faulty, Unlike: t.unlike,
		Skipped: t.skipped, FirstSkipped: t.firstSkipped, LookEvery: t.LookEvery,
	}
	for _, j := range t.Judges {
		r.Judges = append(r.Judges, j.Name())
	}
	r.Overall = t.overall.rows(r.Judges)
	for _, in := range t.tables {
		out := Table{By: in.by}
		strata := slices.SortedFunc(maps.Values(in.strata), func(a, b *stratum) int { return compareLevels(a.levels, b.levels) })
		for _, s := range strata {
			out.Rows = append(out.Rows, s.rows(r.Judges)...)
		}
		r.Tables = append(r.Tables, out)
	}
	return r
}

func (s *stratum) rows(judges []string) []Row {
	rows := make([]Row, len(judges))
	texts := make([]string, len(s.levels))
	for i, l := range s.levels {
		texts[i] = l.text
	}
	for i := range rows {
		c := &s.judges[i]
		points := c.curve.points()
		rows[i] = Row{
			Stratum: texts, Judge: judges[i],
			Healthy: c.healthy.summary(), Faulty: c.faulty.summary(),
			FalseAlarms: macro(c.cells), MustCatch: macro(c.mustCatch),
			ROC: points, AUC: area(points),
		}
	}
	return rows
}

func macro[K comparable](cells map[K]*Rate) Macro {
	if len(cells) == 0 {
		return Macro{Value: math.NaN()}
	}
	// Summed in an order, so that the same cases give the same bits.
	values := make([]float64, 0, len(cells))
	for _, r := range cells {
		values = append(values, r.Value())
	}
	slices.SortFunc(values, cmp.Compare)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return Macro{sum / float64(len(values)), len(values)}
}
