package compare

import (
	"math"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/occurrences"
	"github.com/judged-dev/judged/logs/template"
)

// Comparison is the logs of two sides, counted and tested; a judge.Judge.
type Comparison struct {
	sides   Sides
	options Options
	// skeletons are the identities of all sides' skeletons, which templates' members
	// are numbers of.
	skeletons []uint64
	texts     []string // theirs
	templates []template.Template
	// traced says that requests are counted, as far as lines have them.
	traced   bool
	exposure exposure
	// rows are templates, parts the skeletons of those that have several.
	rows, parts []row
	results     [2][]occurrences.Result // of rows and of parts
	slots       []judge.Change
}

// New counts and tests.
func New(sides Sides, o Options) *Comparison {
	if !(o.Tolerance > 0) {
		o.Tolerance = DefaultTolerance
	}
	if o.Clean == nil {
		o.Clean = func(s string) string { return s }
	}
	c := &Comparison{sides: sides, options: o}
	if sides.Baseline.Lines == 0 || sides.Canary.Lines == 0 {
		return c
	}
	c.traced = sides.Baseline.Requests.Len() > 0 && sides.Canary.Requests.Len() > 0
	c.merge()
	c.count()
	c.expose()
	c.fill()
	c.disperse()
	for k, rows := range [][]row{c.rows, c.parts} {
		c.results[k] = c.test(rows)
	}
	c.slots = c.shifts()
	return c
}

// Templates returns how many templates both sides, and the history, have together.
func (c *Comparison) Templates() int { return len(c.templates) }

// test tests one family. Each of the two has half of the error, so that its results
// count twice; and what would not fail a release has a fifth of the error of what
// would: more and less of what is said when all is well follows from what users do,
// too.
func (c *Comparison) test(rows []row) []occurrences.Result {
	items := make([]occurrences.Item, len(rows))
	for i := range rows {
		items[i] = rows[i].item
		items[i].Up, items[i].Down = c.errorParts(&rows[i])
		if rows[i].doubtful {
			// How often it occurred is not known: nothing can be said of it.
			items[i].Baseline.Exposure = math.NaN()
		}
	}
	results := occurrences.Test(items, occurrences.Options{
		Ratio: c.options.Ratio, Events: c.options.Events, Looks: c.options.Looks, Last: c.options.Last,
	})
	for i := range results {
		results[i].Q = min(1, 2*results[i].Q)
	}
	return results
}

// errorParts returns the parts of a row's error that are for more and for less of it.
func (c *Comparison) errorParts(r *row) (more, less float64) {
	more, less = .5, .5
	worse, fewer := c.severity(r, judge.Up) >= judge.Serious, c.severity(r, judge.Down) >= judge.Serious
	if worse && !fewer {
		more, less = upOfErrors, 1-upOfErrors
	}
	if !worse {
		more /= mildPrice
	}
	if !fewer {
		less /= mildPrice
	}
	return more, less
}

// upOfErrors is the part of the error that is for more of what is an error: less of
// it is good news, which may wait for stronger evidence.
const upOfErrors = 0.9

// mildPrice is by how much the evidence for what does not fail a release must be
// stronger.
const mildPrice = 5

// severity returns how bad a change of a row is.
func (c *Comparison) severity(r *row, kind judge.ChangeKind) judge.Severity {
	t := &c.templates[r.template]
	s, _ := c.options.Severity.Of(kind, id(t), t.Level, c.text(r), c.options.Now)
	return s
}
