package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"
)

// checker finds what type checking does not: words that a field never has,
// literals that no function can read, and values whose size nothing bounds.
type checker struct {
	tree    *ast.AST
	dialect *dialect
	classes map[string]*class
	// calendars are those that now.on may name.
	calendars map[string]Calendar
	// bound are the names of the macros' variables, which hide the dialect's.
	bound    map[string]bool
	problems []Problem
	// grows: the expression has a loop, a pattern or a sum of texts. Without
	// them each part of it is evaluated once, in time that its variables bound.
	grows bool
}

func check(tree *ast.AST, d *dialect, calendars map[string]Calendar) *checker {
	c := &checker{tree: tree, dialect: d, calendars: calendars, classes: map[string]*class{}, bound: map[string]bool{}}
	for _, p := range d.parts {
		c.classes[p.name] = p
	}
	visit(tree, ast.ComprehensionKind, func(e ast.Expr) {
		c.bound[e.AsComprehension().IterVar()] = true
		c.grows = true
	})
	visit(tree, ast.CallKind, c.call)
	visit(tree, ast.ListKind, c.list)
	visit(tree, ast.MapKind, c.mapping)
	visit(tree, ast.StructKind, func(e ast.Expr) { c.problem(e, "a rule reads objects and cannot make one") })
	return c
}

func visit(tree *ast.AST, kind ast.ExprKind, see func(ast.Expr)) {
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == kind {
			see(e)
		}
	}))
}

func (c *checker) problem(e ast.Expr, format string, args ...any) {
	at := c.tree.SourceInfo().GetStartLocation(e.ID())
	p := Problem{Message: fmt.Sprintf(format, args...)}
	if at.Line() > 0 {
		p.Line, p.Column = at.Line(), at.Column()+1
	}
	if !slices.Contains(c.problems, p) { // macros repeat what they are given
		c.problems = append(c.problems, p)
	}
}

func (c *checker) call(e ast.Expr) {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch name := call.FunctionName(); name {
	case operators.Add:
		c.add(e, args)
	case operators.Conditional:
		c.conditional(e, args)
	case operators.Equals, operators.NotEquals:
		c.words(args[0], args[1])
		c.words(args[1], args[0])
		if c.typeOf(args[0]).Kind() == types.ListKind || c.typeOf(args[0]).Kind() == types.MapKind {
			c.problem(e, "lists and maps cannot be compared: ask size(), in, all or exists")
		}
	case operators.In:
		if args[1].Kind() == ast.ListKind {
			for _, element := range args[1].AsList().Elements() {
				c.words(args[0], element)
			}
		}
	case overloads.Matches:
		c.regexp(args[1])
	case overloads.TypeConvertTimestamp:
		literal(c, args[0], func(s string) error {
			if _, err := time.Parse(time.RFC3339, s); err != nil {
				return fmt.Errorf("%q is no moment: write it like 2026-12-24T18:00:00+01:00", printable(s))
			}
			return nil
		})
	case overloads.TypeConvertDuration:
		literal(c, args[0], func(s string) error {
			if _, err := time.ParseDuration(s); err != nil {
				return fmt.Errorf("%q is no length of time: write it like 90s, 30m or 1h30m", printable(s))
			}
			return nil
		})
	case nameOn:
		literal(c, args[1], func(s string) error { return known(c.calendars, s) })
		literal(c, args[2], zoneError)
	case nameBetween:
		c.between(args)
	default:
		if isAccessor(name) && len(args) == 2 {
			literal(c, args[1], zoneError)
		}
	}
}

// literal checks an argument that is written out; others are known when the
// rule runs.
func literal(c *checker, e ast.Expr, check func(string) error) {
	s, ok := literalText(e)
	if !ok {
		return
	}
	if err := check(s); err != nil {
		c.problem(e, "%v", err)
	}
}

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

func zoneError(name string) error {
	_, err := zone(name)
	return err
}

func (c *checker) between(args []ast.Expr) {
	dateError := func(s string) error {
		_, err := parseDate(s)
		return err
	}
	literal(c, args[1], dateError)
	literal(c, args[2], dateError)
	literal(c, args[3], zoneError)
	first, ok := literalText(args[1])
	last, also := literalText(args[2])
	if !ok || !also {
		return
	}
	from, err1 := parseDate(first)
	to, err2 := parseDate(last)
	if err1 == nil && err2 == nil && from > to {
		c.problem(args[1], "%s is after %s: no day is between them", first, last)
	}
}

// regexp wants patterns written out: one that is put together when the rule runs
// would be compiled each time, at a cost that nobody knows before.
func (c *checker) regexp(e ast.Expr) {
	pattern, ok := literalText(e)
	if !ok {
		c.problem(e, "a pattern must be written out, between quotes")
		return
	}
	if len(pattern) > maxPatternText {
		c.problem(e, "the pattern has %d bytes, more than %d: split it", len(pattern), maxPatternText)
		return
	}
	n, err := instructions(pattern)
	if err != nil {
		c.problem(e, "the pattern cannot be read: %s", printable(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
		return
	}
	if n > maxPattern {
		c.problem(e, "the pattern has %d instructions when compiled, more than %d: repeat less, as in {1000}", n, maxPattern)
		return
	}
	c.grows = true
}

// words finds a comparison with a word that the field never has: it would be
// false for ever, and a deny that is false for ever is open.
func (c *checker) words(e, literal ast.Expr) {
	s, ok := literalText(literal)
	if !ok {
		return
	}
	if f := c.field(e); f != nil && f.words != nil && !slices.Contains(f.words, s) {
		c.problem(literal, "%s is never %q: it is one of %s", f.name, printable(s), strings.Join(f.words, ", "))
	}
}

// field returns the field that an expression reads, nil if it is none.
func (c *checker) field(e ast.Expr) *field {
	switch e.Kind() {
	case ast.IdentKind:
		if name := e.AsIdent(); !c.bound[name] {
			return c.dialect.root.byName[name]
		}
	case ast.SelectKind:
		if owner, ok := c.classes[c.typeOf(e.AsSelect().Operand()).TypeName()]; ok {
			return owner.byName[e.AsSelect().FieldName()]
		}
	default:
	}
	return nil
}

func (c *checker) typeOf(e ast.Expr) *cel.Type { return c.tree.GetType(e.ID()) }

// The following rules bound what a value can be. A meter that counts after the
// deed does not help where one comparison takes for ever: a list that holds
// itself twice, forty times over, has 10^12 elements and costs forty steps to
// make. So a list is not added to a list, nor put into another, nor compared with
// one, and nothing loses its type on the way.

func (c *checker) add(e ast.Expr, args []ast.Expr) {
	if args[0].Kind() == ast.IdentKind && args[0].AsIdent() == parser.HiddenAccumulatorName {
		return // how map and filter collect
	}
	switch t := c.typeOf(e); t.Kind() {
	case types.ListKind:
		c.problem(e, "lists cannot be added: ask each by itself")
	case types.DynKind:
		c.problem(e, "what is added here? say string(...), int(...) or double(...)")
	case types.StringKind, types.BytesKind:
		c.grows = true
	default:
	}
}

func (c *checker) conditional(e ast.Expr, args []ast.Expr) {
	if c.typeOf(e).Kind() != types.DynKind {
		return
	}
	for _, branch := range args[1:] {
		if c.typeOf(branch).Kind() != types.DynKind {
			c.problem(branch, "both results must have one type: say string(...), int(...), double(...) or bool(...) of the other")
		}
	}
}

func (c *checker) list(e ast.Expr) {
	for _, element := range e.AsList().Elements() {
		c.element(element)
	}
}

func (c *checker) mapping(e ast.Expr) {
	for _, entry := range e.AsMap().Entries() {
		c.element(entry.AsMapEntry().Key())
		c.element(entry.AsMapEntry().Value())
	}
}

func (c *checker) element(e ast.Expr) {
	switch c.typeOf(e).Kind() {
	case types.ListKind, types.MapKind:
		c.problem(e, "a list or a map cannot be part of another")
	default:
	}
}
