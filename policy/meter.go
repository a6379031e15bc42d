package policy

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"github.com/google/cel-go/parser"
)

// A meter counts the steps of one evaluation and ends it when they are too many.
//
// CEL has a meter of its own, cel.CostLimit, which does not bound the time: a
// loop over constants costs it nothing, so that three nested loops over a
// thousand findings are a thousand million rounds at no cost, and it looks for
// every operand that was not evaluated through all values so far, so that 8000
// of its steps took 50 s. Ours counts what can repeat or grow, before it
// happens:
//
//   - a round of a loop: as many steps as its body has parts;
//   - a text that is put together: a step for 16 bytes, and it has an end;
//   - a pattern: a step for 16 bytes that pass one of its instructions;
//   - a search in a list: a step for an element.
//
// All else happens once for each part of the expression, in a time that is
// proportional to the size of a variable or of a text at most.
type meter struct {
	spent, limit uint64
	rounds       uint
	done         <-chan struct{}
}

const (
	// bytesPerStep is how many bytes are copied, or matched, for a step.
	bytesPerStep = 16
	// maxText is the longest text that a rule may put together, in bytes.
	maxText = 16 << 10
	// roundsPerLook is how many rounds pass between two looks at the context.
	roundsPerLook = 64
)

// spend counts steps. It ends an evaluation as cel-go does it: an error as value
// would be swallowed by `true || error`.
func (m *meter) spend(steps uint64) {
	m.spent += steps
	m.rounds++
	interrupted := false
	if m.rounds%roundsPerLook == 0 {
		select {
		case <-m.done:
			interrupted = true
		default:
		}
	}
	if interrupted || m.spent > m.limit {
		panic(interpreter.EvalCancelledError{Message: "stopped by the meter"}) //nolint:forbidigo // Program.Eval recovers it; there is no other way out of nested loops
	}
}

// tooMany reports whether the steps were what ended an evaluation.
func (m *meter) tooMany() bool { return m.spent > m.limit }

// metering is what an evaluation sees: the variables, and its meter, under a
// name that no rule can write.
type metering struct {
	*variables

	meter *meter
}

const meterName = "@meter"

// ResolveName implements cel.Activation.
func (m *metering) ResolveName(name string) (any, bool) {
	if name == meterName {
		return m.meter, true
	}
	return m.variables.ResolveName(name)
}

// spend counts steps of the evaluation that a frame belongs to.
func spend(frame *interpreter.ExecutionFrame, steps uint64) {
	if value, ok := frame.ResolveName(meterName); ok {
		if m, ok := value.(*meter); ok {
			m.spend(steps)
		}
	}
}

// tickName is the function that macros put before the condition of a loop.
const tickName = "@tick"

func tickFunction() cel.EnvOption {
	return cel.Function(tickName, cel.Overload("tick_steps", []*cel.Type{cel.IntType}, cel.BoolType,
		cel.UnaryBinding(func(ref.Val) ref.Val { return types.True })))
}

// meteredMacros are CEL's macros, with loops that count their rounds.
var meteredMacros = sync.OnceValue(func() []cel.Macro {
	var macros []cel.Macro
	for _, m := range cel.StandardMacros {
		if !m.IsReceiverStyle() {
			macros = append(macros, m) // has() is no loop
			continue
		}
		expand := m.Expander()
		macros = append(macros, parser.NewReceiverMacro(m.Function(), m.ArgCount(),
			func(eh parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
				e, err := expand(eh, target, args)
				if err != nil || e == nil || e.Kind() != ast.ComprehensionKind {
					return e, err
				}
				loop := e.AsComprehension()
				steps := parts(loop.LoopStep()) + parts(loop.LoopCondition())
				condition := eh.NewCall(operators.LogicalAnd, eh.NewCall(tickName, eh.NewLiteral(types.Int(steps))), loop.LoopCondition())
				return eh.NewComprehension(loop.IterRange(), loop.IterVar(), loop.AccuVar(), loop.AccuInit(), condition, loop.LoopStep(), loop.Result()), nil
			}))
	}
	return macros
})

// parts is how many parts an expression has.
func parts(e ast.Expr) (n int) {
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(ast.Expr) { n++ }))
	return n
}

// meterCalls replaces the calls whose cost is not one step.
func meterCalls(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok {
		return i, nil
	}
	switch args := call.Args(); call.Function() {
	case tickName:
		if steps, ok := constant(args[0]).(types.Int); ok {
			return &tick{InterpretableV2: call, steps: uint64(steps)}, nil
		}
	case operators.Add:
		return &sum{InterpretableV2: call}, nil
	case overloads.Matches:
		if text, ok := constant(args[1]).(types.String); ok {
			return newMatch(call, args[0], string(text))
		}
	case operators.In:
		if constant(args[1]) == nil { // else it becomes a set
			return &contains{InterpretableV2: call, element: args[0], list: args[1]}, nil
		}
	}
	return i, nil
}

func constant(i interpreter.InterpretableV2) ref.Val {
	if c, ok := i.(interpreter.InterpretableConst); ok {
		return c.Value()
	}
	return nil
}

// tick counts a round of a loop.
type tick struct {
	interpreter.InterpretableV2

	steps uint64
}

// Exec implements interpreter.InterpretableV2.
func (t *tick) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	spend(frame, t.steps)
	return types.True
}

// Eval implements interpreter.Interpretable.
func (t *tick) Eval(vars cel.Activation) ref.Val { return t.Exec(interpreter.AsFrame(vars)) }

// sum is an addition, of which those of texts are counted.
type sum struct{ interpreter.InterpretableV2 }

// Exec implements interpreter.InterpretableV2.
func (s *sum) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := s.InterpretableV2.Exec(frame)
	var size int
	switch v := value.(type) {
	case types.String:
		size = len(v)
	case types.Bytes:
		size = len(v)
	default:
		return value
	}
	if size > maxText {
		return types.NewErr("a text of %d bytes was put together, more than %d", size, maxText)
	}
	spend(frame, uint64(size)/bytesPerStep)
	return value
}

// Eval implements interpreter.Interpretable.
func (s *sum) Eval(vars cel.Activation) ref.Val { return s.Exec(interpreter.AsFrame(vars)) }

// match matches a text with a pattern that was compiled before.
type match struct {
	interpreter.InterpretableV2

	text    interpreter.InterpretableV2
	pattern *regexp.Regexp
	// size is the pattern's, in instructions.
	size uint64
}

func newMatch(call, text interpreter.InterpretableV2, pattern string) (interpreter.InterpretableV2, error) {
	size, err := instructions(pattern)
	if err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern cannot be compiled: %w", err)
	}
	return &match{InterpretableV2: call, text: text, pattern: compiled, size: uint64(size)}, nil
}

// instructions is the size of a pattern when it is compiled.
func instructions(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err
	}
	return len(program.Inst), nil
}

// Exec implements interpreter.InterpretableV2.
func (m *match) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := m.text.Exec(frame)
	text, ok := value.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(value)
	}
	spend(frame, 1+uint64(len(text))*m.size/bytesPerStep)
	return types.Bool(m.pattern.MatchString(string(text)))
}

// Eval implements interpreter.Interpretable.
func (m *match) Eval(vars cel.Activation) ref.Val { return m.Exec(interpreter.AsFrame(vars)) }

// contains searches a list, or asks a map for a key.
type contains struct {
	interpreter.InterpretableV2

	element, list interpreter.InterpretableV2
}

// Exec implements interpreter.InterpretableV2.
func (c *contains) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	element, container := c.element.Exec(frame), c.list.Exec(frame)
	if types.IsUnknownOrError(element) {
		return element
	}
	if list, ok := container.(traits.Lister); ok {
		if n, ok := list.Size().(types.Int); ok && n > 0 {
			spend(frame, uint64(n))
		}
	}
	if all, ok := container.(traits.Container); ok {
		return all.Contains(element)
	}
	return types.MaybeNoSuchOverloadErr(container)
}

// Eval implements interpreter.Interpretable.
func (c *contains) Eval(vars cel.Activation) ref.Val { return c.Exec(interpreter.AsFrame(vars)) }
