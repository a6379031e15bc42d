package policy

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// A class is a Go struct as rules see it: fields with names and types, so that
// a misspelt one is an error when the rule is saved. The fields of a dialect's
// root class are the rules' variables.
type class struct {
	name   string
	fields []*field
	byName map[string]*field
}

// A field is read from a pointer to the class's Go struct.
type field struct {
	name string
	typ  *cel.Type
	// words are all that a string can be, if they are few: a rule that compares
	// it with another is a mistake.
	words []string
	get   func(owner any) (any, error)
	// known reports whether there is a value; nil: always.
	known func(owner any) bool
}

func newClass(name string, fields ...*field) *class {
	c := &class{name: name, fields: fields, byName: make(map[string]*field, len(fields))}
	for _, f := range fields {
		c.byName[f.name] = f
	}
	return c
}

func (c *class) celType() *cel.Type { return cel.ObjectType(c.name) }

// of returns a field of the Go struct T.
func of[T any](name string, typ *cel.Type, get func(*T) any) *field {
	return &field{name: name, typ: typ, get: func(owner any) (any, error) {
		o, ok := owner.(*T)
		if !ok {
			return nil, fmt.Errorf("%T has no %s", owner, name)
		}
		return get(o), nil
	}}
}

func text[T any](name string, get func(*T) string) *field {
	return of(name, cel.StringType, func(o *T) any { return types.String(get(o)) })
}

// word is a text that is one of words.
func word[T any](name string, words []string, get func(*T) string) *field {
	f := text(name, get)
	f.words = words
	return f
}

func flag[T any](name string, get func(*T) bool) *field {
	return of(name, cel.BoolType, func(o *T) any { return types.Bool(get(o)) })
}

func count[T any](name string, get func(*T) int) *field {
	return of(name, cel.IntType, func(o *T) any { return types.Int(get(o)) })
}

// number is a measurement that may be missing: NaN. Reading it then is an
// error. A NaN that compared as false would let `!(f.pValue < 0.01)` be true of
// what nobody measured.
func number[T any](name string, get func(*T) float64) *field {
	return given(of(name, cel.DoubleType, func(o *T) any { return types.Double(get(o)) }),
		func(o *T) bool { return !math.IsNaN(get(o)) })
}

func length[T any](name string, get func(*T) time.Duration) *field {
	return of(name, cel.DurationType, func(o *T) any { return get(o) })
}

func moment[T any](name string, get func(*T) time.Time) *field {
	return given(of(name, cel.TimestampType, func(o *T) any { return get(o) }),
		func(o *T) bool { return !get(o).IsZero() })
}

// given makes f one that may be missing.
func given[T any](f *field, known func(*T) bool) *field {
	read := f.get
	f.known = func(owner any) bool {
		o, ok := owner.(*T)
		return ok && known(o)
	}
	f.get = func(owner any) (any, error) {
		if !f.known(owner) {
			return nil, fmt.Errorf("there is no %s here: ask has(...%s) before you read it", f.name, f.name)
		}
		return read(owner)
	}
	return f
}

// part is a field that is itself an object of the class c.
func part[T, P any](name string, c *class, get func(*T) *P) *field {
	return of(name, c.celType(), func(o *T) any { return c.object(get(o)) })
}

// many is a list of objects of the class c.
func many[T any](name string, c *class, get func(*T) ref.Val) *field {
	return of(name, cel.ListType(c.celType()), func(o *T) any { return get(o) })
}

// listOf returns the elements as objects of the class c.
func listOf[P any](c *class, elements []P) ref.Val {
	values := make([]ref.Val, len(elements))
	for i := range elements {
		values[i] = c.object(&elements[i])
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values)
}

// object is a pointer to a Go struct as a CEL value. Its fields are read by the
// field's own getter; nothing else can be done with it.
type object struct {
	class *class
	owner any
}

func (c *class) object(owner any) ref.Val { return &object{class: c, owner: owner} }

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("a %s cannot become a %v", o.class.name, t)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("a %s cannot become a %s", o.class.name, t.TypeName())
}

// Equal implements ref.Val: objects are the same or they are not.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && p.owner == o.owner)
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.class.celType() }

// Value implements ref.Val.
func (o *object) Value() any { return o.owner }

// variables are what one evaluation sees: the fields of a root object. They
// implement cel.Activation.
type variables struct {
	class *class
	owner any
}

// ResolveName implements cel.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	f, ok := v.class.byName[name]
	if !ok {
		return nil, false
	}
	value, err := f.get(v.owner)
	if err != nil {
		return types.WrapErr(err), true
	}
	return value, true
}

// Parent implements cel.Activation.
func (v *variables) Parent() cel.Activation { return nil }

// provider tells CEL's type checker of the classes. Rules read objects and
// cannot make them.
type provider struct {
	types.Provider

	classes map[string]*class
}

// FindStructType implements types.Provider.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	c, ok := p.classes[name]
	if !ok {
		return p.Provider.FindStructType(name)
	}
	return types.NewTypeTypeWithParam(c.celType()), true
}

// FindStructFieldNames implements types.Provider.
func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	c, ok := p.classes[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	var names []string
	for _, f := range c.fields {
		names = append(names, f.name)
	}
	return names, true
}

// FindStructFieldType implements types.Provider.
func (p provider) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	c, ok := p.classes[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, fieldName)
	}
	f, ok := c.byName[fieldName]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type:    f.typ,
		IsSet:   func(owner any) bool { return f.known == nil || f.known(owner) },
		GetFrom: f.get,
	}, true
}

// NewValue implements types.Provider.
func (p provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.classes[name]; ok {
		return types.WrapErr(errors.New("a rule cannot make a " + name))
	}
	return p.Provider.NewValue(name, fields)
}
