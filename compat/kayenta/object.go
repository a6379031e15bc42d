package kayenta

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Object is a free-form JSON object, as Kayenta keeps those that it does not
// look into. DecodeConfig and the other decoders make it: its values are of
// types of this package, only good for writing them again.
//
// It is written as Kayenta writes a map: names without a value are left out,
// and numbers with a fraction or exponent are in the form of Java's
// Double.toString. Names are sorted.
type Object map[string]any

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) { return appendValue(nil, map[string]any(o)), nil }

// freeForm reads a free-form object, nil for null.
func (p *parser) freeForm() (Object, error) {
	if p.null() {
		return nil, nil //nolint:nilnil // absent is no error
	}
	if p.peek() != '{' {
		return nil, p.wrongType("an object")
	}
	v, err := p.value()
	o, _ := v.(map[string]any)
	return o, err
}

// appendValue appends what parser.value has read.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		first := true
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if v[name] == nil {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, name), ':')
			b = appendValue(b, v[name])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, element)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case integer:
		return strconv.AppendInt(b, int64(v), 10)
	case long:
		return append(b, v...)
	case float64:
		return appendDouble(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	}
	return append(b, "null"...)
}

// Double is a number as Kayenta writes it: in the form of Java's
// Double.toString, not-a-number and the infinities as strings.
type Double float64

// MarshalJSON implements json.Marshaler.
func (d Double) MarshalJSON() ([]byte, error) { return appendDouble(nil, float64(d)), nil }

// UnmarshalJSON implements json.Unmarshaler. It reads what Kayenta accepts as
// a number, see DecodeRequest; null is left as it is.
func (d *Double) UnmarshalJSON(data []byte) error {
	v, err := decode(data, func(p *parser) (float64, error) {
		v, null, err := p.double()
		if null {
			v = float64(*d)
		}
		return v, err
	})
	*d = Double(v)
	return err
}

var (
	_ json.Marshaler   = Object{}
	_ json.Unmarshaler = (*Double)(nil)
)
