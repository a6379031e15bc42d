package replay

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/judged-dev/judged/metrics"
)

// evaluationInterval is the step of a subquery that does not name one:
// Prometheus' default evaluation interval.
const evaluationInterval = time.Minute

// maxDepth is how deep a query may be nested. The engine writes the text of
// each level into its trace, so that deep nesting costs the square of it.
const maxDepth = 500

// checkSteps refuses a query that is nested too deeply, or whose subqueries
// have more than limit steps together. The engine counts the samples of a
// subquery, but makes room for all its steps before it has the first one, and
//
//	sum_over_time(up[10y:1ms])
//
// asks for more memory than there is, which ends the process.
func checkSteps(e parser.Expr, g metrics.Grid, limit int) error {
	c := stepCheck{limit: limit, left: int64(limit)}
	if g.N > limit {
		return c.tooMany()
	}
	return c.take(e, g.Window().Duration(), 1)
}

type stepCheck struct {
	limit int
	left  int64
}

func (c *stepCheck) tooMany() error {
	return fmt.Errorf("the query and its subqueries have more than %d steps", c.limit)
}

// take takes the steps of e, which is evaluated over span, from those left.
func (c *stepCheck) take(e parser.Node, span time.Duration, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the query is nested more than %d deep", maxDepth)
	}
	if subquery, ok := e.(*parser.SubqueryExpr); ok {
		span += subquery.Range // it is evaluated once, over all its windows
		if span < 0 {
			return c.tooMany() // longer than a time.Duration
		}
		step := subquery.Step
		if step <= 0 {
			step = evaluationInterval
		}
		if c.left -= int64(span/step) + 1; c.left < 0 {
			return c.tooMany()
		}
	}
	for child := range parser.ChildrenIter(e) {
		if err := c.take(child, span, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// maxLabelGrowth is how many bytes of labels a query may add to a series.
const maxLabelGrowth = 64 << 10

// labelSizes is the longest value, in bytes, that each label can have.
type labelSizes map[string]int

func (l labelSizes) total() int {
	sum := 0
	for name, size := range l {
		sum += len(name) + size
	}
	return sum
}

// checkLabelGrowth refuses a query whose labels could grow without bound.
// The engine bounds samples, not labels, and
//
//	label_replace(..., "a", "$1$1$1$1", "a", "(.*)")
//
// multiplies a label's length; some nested calls exhaust any memory.
func (s *store) checkLabelGrowth(e parser.Expr) error {
	c := growthCheck{recorded: s.labelSizes, limit: s.labelSizes.total() + maxLabelGrowth}
	_, err := c.sizes(e)
	return err
}

type growthCheck struct {
	recorded labelSizes
	limit    int
}

// sizes bounds the labels of what e evaluates to.
func (c growthCheck) sizes(e parser.Node) (labelSizes, error) {
	if _, ok := e.(*parser.VectorSelector); ok {
		return c.recorded, nil
	}
	of := labelSizes{}
	for child := range parser.ChildrenIter(e) {
		sizes, err := c.sizes(child)
		if err != nil {
			return nil, err
		}
		if len(of) == 0 {
			of = sizes // shared; every change below clones first
			continue
		}
		of = widest(of, sizes)
	}
	name, size := "", 0
	switch n := e.(type) {
	case *parser.AggregateExpr:
		if n.Op == parser.COUNT_VALUES {
			name, size = literal(n.Param), len("-1.7976931348623157e+308")
		}
	case *parser.Call:
		switch n.Func.Name {
		case "label_replace":
			name = literal(n.Args[1])
			replacement := literal(n.Args[2])
			size = len(replacement) + strings.Count(replacement, "$")*of[literal(n.Args[3])]
		case "label_join":
			name = literal(n.Args[1])
			for _, source := range n.Args[3:] {
				size += len(literal(n.Args[2])) + of[literal(source)]
			}
		}
	}
	if size <= of[name] {
		return of, nil
	}
	of = maps.Clone(of)
	of[name] = size
	if total := of.total(); total > c.limit {
		return nil, fmt.Errorf("its label_replace and label_join calls could make a series' labels %d bytes long", total)
	}
	return of, nil
}

// widest returns the larger size of each label.
func widest(a, b labelSizes) labelSizes {
	var merged labelSizes
	for name, size := range b {
		if size > a[name] {
			if merged == nil {
				merged = maps.Clone(a)
			}
			merged[name] = size
		}
	}
	if merged == nil {
		return a
	}
	return merged
}

// literal returns the text of a string argument.
func literal(e parser.Expr) string {
	for {
		switch n := e.(type) {
		case *parser.ParenExpr:
			e = n.Expr
		case *parser.StringLiteral:
			return n.Val
		default:
			return ""
		}
	}
}
