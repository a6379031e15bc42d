package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// Limits of a rule. What they refuse is refused when the rule is compiled.
const (
	// MaxExpression is the longest expression, in bytes.
	MaxExpression = 4096
	// MaxRules is how many rules one list may have.
	MaxRules = 256
	// maxNesting is how deep parentheses, calls and lists may nest.
	maxNesting = 64
	// maxNodes is the size of the syntax tree with its macros expanded. 4096
	// bytes of ordinary rules have about a thousand nodes.
	maxNodes = 10_000
	// maxPattern is the size of a regular expression as it is compiled, in
	// instructions; one of 100 characters has about a hundred.
	maxPattern = 500
	// maxPatternText is its length, in bytes. Ten bytes can say a thousand
	// instructions, which are made before they can be counted.
	maxPatternText = 256
)

// A dialect is what the rules of one kind see and may cost.
type dialect struct {
	root  *class
	parts []*class
	// cost is the most steps of one evaluation, see meter. A step takes some 20
	// to 50 ns.
	cost uint64
	// dates: there are now.on and now.between.
	dates bool

	once sync.Once
	env  *cel.Env
	err  error
}

// environment builds what the compiler needs, at first use: it takes a
// millisecond, and most programs use few dialects.
func (d *dialect) environment() (*cel.Env, error) {
	d.once.Do(func() {
		labelSharedErrors()
		d.env, d.err = d.build()
	})
	return d.env, d.err
}

func (d *dialect) build() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	classes := map[string]*class{}
	for _, c := range d.parts {
		classes[c.name] = c
	}
	options := []cel.EnvOption{
		// Without dyn() no value loses its type, which boundValues relies on.
		cel.StdLib(cel.StdLibSubset(env.NewLibrarySubset().SetDisableMacros(true).AddExcludedFunctions(env.NewFunction(overloads.TypeConvertDyn)))),
		cel.Macros(meteredMacros()...),
		tickFunction(),
		cel.CustomTypeAdapter(registry),
		cel.CustomTypeProvider(provider{Provider: registry, classes: classes}),
		cel.ParserRecursionLimit(maxNesting),
		cel.ParserExpressionSizeLimit(MaxExpression),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ParserErrorRecoveryLimit(maxProblems),
		cel.EnableHiddenAccumulatorName(true),
		cel.CrossTypeNumericComparisons(true), // score < 50
	}
	for _, f := range d.root.fields {
		options = append(options, cel.Variable(f.name, f.typ))
	}
	options = append(options, zoneFunctions()...)
	if d.dates {
		options = append(options, dateFunctions()...)
	}
	return cel.NewCustomEnv(options...)
}

// labelSharedErrors keeps the race detector, and the readers of core dumps,
// calm: two of cel-go's errors are shared by all programs, and the first
// evaluation that meets one writes its place into it (types.LabelErrNode). It
// is written here, before anything runs at the same time.
var labelSharedErrors = sync.OnceFunc(func() {
	types.LabelErrNode(1, types.NoSuchOverloadErr())
	types.LabelErrNode(1, types.IntNegOne.ConvertToType(types.TimestampType))
	types.LabelErrNode(1, types.Int(1<<62).ConvertToType(types.TimestampType))
})

// rule is one compiled boolean expression.
type rule struct {
	name, text string
	program    cel.Program
	checked    *ast.AST
	// cost is the most steps of one evaluation. short: there is nothing to
	// count, and no meter is needed.
	cost  uint64
	short bool
}

// compile parses and type-checks an expression; name is what errors call it.
// calendars are those that it may name. The error is a *CompileError if the
// expression is at fault.
func (d *dialect) compile(name, text string, calendars map[string]Calendar) (*rule, error) {
	fail := func(problems ...Problem) (*rule, error) {
		sortProblems(problems)
		return nil, &CompileError{Rule: name, Expression: text, Problems: problems}
	}
	switch {
	case strings.TrimSpace(text) == "":
		return fail(Problem{Message: "there is no expression: write one that is true or false"})
	case len(text) > MaxExpression:
		return fail(Problem{Message: fmt.Sprintf("the expression has %d bytes, more than %d: split it into several rules", len(text), MaxExpression)})
	case !utf8.ValidString(text):
		return fail(Problem{Message: "the expression is not valid UTF-8"})
	}
	environment, err := d.environment()
	if err != nil {
		return nil, err
	}
	tree, issues := environment.Compile(text)
	if issues.Err() != nil {
		var problems []Problem
		names := d.names()
		for _, e := range issues.Errors() {
			p := Problem{Message: plain(e.Message, names)}
			if line := e.Location.Line(); line > 0 {
				p.Line, p.Column = line, max(e.Location.Column()+1, 1) // 0 where the parser has lost its place
			}
			problems = append(problems, p)
		}
		return fail(problems...)
	}
	if out := tree.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return fail(Problem{Line: 1, Column: 1, Message: fmt.Sprintf("the expression is a %s: it must be true or false", cel.FormatCELType(out))})
	}
	r := &rule{name: name, text: text, checked: tree.NativeRep(), cost: d.cost}
	c := check(r.checked, d, calendars)
	if len(c.problems) > 0 {
		return fail(c.problems...)
	}
	r.short = !c.grows
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(meterCalls)}
	if d.dates {
		options = append(options, calendarFunction(calendars))
	}
	if r.program, err = environment.Program(tree, options...); err != nil {
		return fail(Problem{Message: printable(err.Error())})
	}
	return r, nil
}

// names are all that a rule may have meant to write.
func (d *dialect) names() []string {
	var names []string
	for _, c := range append([]*class{d.root}, d.parts...) {
		for _, f := range c.fields {
			names = append(names, f.name)
		}
	}
	for _, a := range accessors {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// eval evaluates the rule. The error is an *EvalError. steps is what it cost.
func (r *rule) eval(ctx context.Context, v *variables) (result bool, steps uint64, err error) {
	value, steps, err := r.run(ctx, v)
	if err != nil {
		return false, steps, &EvalError{Rule: r.name, Expression: r.text, Err: err}
	}
	b, ok := value.(types.Bool)
	if !ok {
		err = fmt.Errorf("the result is a %s: it must be true or false", value.Type().TypeName())
		return false, steps, &EvalError{Rule: r.name, Expression: r.text, Err: err}
	}
	return bool(b), steps, nil
}

func (r *rule) run(ctx context.Context, v *variables) (value ref.Val, steps uint64, err error) {
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if r.short {
		value, _, err = r.program.Eval(v)
		return value, shortCost, err
	}
	m := &meter{limit: r.cost, done: ctx.Done()}
	value, _, err = r.program.Eval(&metering{variables: v, meter: m})
	if _, stopped := errors.AsType[interpreter.EvalCancelledError](err); stopped {
		err = context.Cause(ctx)
		if m.tooMany() {
			err = fmt.Errorf("it takes more than %d steps: compare less with less, for example not every element of a list with every other", r.cost)
		}
	}
	return value, m.spent, err
}

// shortCost is what an evaluation counts that is not metered: the parts of a rule
// of ordinary length.
const shortCost = 20
