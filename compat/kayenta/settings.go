package kayenta

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/mannwhitney"
)

// Settings are free-form in Kayenta: a map of maps of whatever JSON was there,
// in Java's types, cast on use. value and path keep to that, so that the same
// configs fail and the same mistakes go unnoticed.

// integer is a JSON integer that fits into 32 bits, a java.lang.Integer.
type integer int32

// long is any other JSON integer, a java.lang.Long or BigInteger.
type long string

// value reads any value: map[string]any, []any, string, integer, long,
// float64, bool or nil.
func (p *parser) value() (any, error) {
	if err := p.item(); err != nil {
		return nil, err
	}
	switch c := p.peek(); {
	case c == '{':
		object := map[string]any{}
		err := p.object(func(name string) error {
			v, err := p.value()
			object[name] = v
			return err
		})
		return object, err
	case c == '[':
		array := []any{}
		err := p.array(func(int) error {
			v, err := p.value()
			array = append(array, v)
			return err
		})
		return array, err
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		start := p.pos
		d, err := p.scanNumber()
		if err != nil {
			return nil, err
		}
		text := string(p.data[start:p.pos])
		if !d.integer {
			v, _ := strconv.ParseFloat(text, 64) // too large is infinite
			return v, nil
		}
		if v, err := strconv.ParseInt(text, 10, 32); err == nil {
			return integer(v), nil
		}
		return long(text), nil
	case c == 't' && p.word("true"):
		return true, nil
	case c == 'f' && p.word("false"):
		return false, nil
	case c == 'n' && p.word("null"):
		return nil, nil //nolint:nilnil // JSON's null
	}
	return nil, p.unexpected("a value")
}

// path follows names into v. A list stands for the list of what its elements
// have there, and is absent if none has. (Kayenta's MapUtils.get.)
func path(v any, names ...string) (found any, ok bool) {
	if len(names) == 0 {
		return v, true
	}
	switch v := v.(type) {
	case map[string]any:
		inner, ok := v[names[0]]
		if !ok {
			return nil, false
		}
		return path(inner, names[1:]...)
	case []any:
		var all []any
		for _, element := range v {
			if inner, ok := path(element, names...); ok {
				all = append(all, inner)
			}
		}
		return all, len(all) > 0
	default:
		return nil, false
	}
}

// settingsReader reads settings until one of them is unusable.
type settingsReader struct {
	configurations any
	err            error
}

func (r *settingsReader) get(names []string) (any, bool) {
	return path(r.configurations, append([]string{"canary"}, names...)...)
}

func (r *settingsReader) fail(names []string, err error) {
	if r.err != nil {
		return
	}
	for _, name := range slices.Backward(names) {
		err = within(name, err)
	}
	r.err = within("analysisConfigurations", within("canary", err))
}

// word returns a setting that is one of a few words; anything but a string is
// none of them.
func (r *settingsReader) word(names ...string) string {
	v, ok := r.get(names)
	if ok && v == nil {
		r.fail(names, errors.New("is null, want a string"))
	}
	s, _ := v.(string)
	return s
}

func (r *settingsReader) flag(names ...string) bool {
	v, ok := r.get(names)
	if !ok || v == nil {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		r.fail(names, fmt.Errorf("is %s, want true or false", describe(v)))
	}
	return b
}

func (r *settingsReader) number(standard float64, names ...string) float64 {
	v, ok := r.get(names)
	if !ok {
		return standard
	}
	switch v := v.(type) {
	case nil:
		return 0
	case integer:
		return float64(v)
	case float64:
		return v
	case long:
		r.fail(names, fmt.Errorf("is the integer %s, which Kayenta accepts only with a decimal point beyond 32 bits", shorten(string(v))))
	default:
		r.fail(names, fmt.Errorf("is %s, want a number", describe(v)))
	}
	return 0
}

func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", shorten(v))
	case bool:
		return strconv.FormatBool(v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	default:
		return fmt.Sprintf("the number %v", v)
	}
}

// settings reads a metric's analysisConfigurations.
func settings(configurations any) (mannwhitney.Settings, error) {
	r := settingsReader{configurations: configurations}
	effect := mannwhitney.MeanRatio
	if r.word("effectSize", "measure") == "cles" {
		effect = mannwhitney.CommonLanguage
	}
	s := mannwhitney.DefaultSettings(effect)
	switch r.word("direction") {
	case "increase":
		s.Direction = judge.Increase
	case "decrease":
		s.Direction = judge.Decrease
	}
	if r.word("nanStrategy") == "replace" {
		s.NaN = mannwhitney.ReplaceNaN
	}
	if r.word("outliers", "strategy") == "remove" {
		s.Outliers = mannwhitney.RemoveOutliers
	}
	s.OutlierFactor = r.number(s.OutlierFactor, "outliers", "outlierFactor")
	s.Critical = r.flag("critical")
	s.MustHaveData = r.flag("mustHaveData")
	s.Muted = r.flag("muted")
	s.Allowed.Increase = r.number(s.Allowed.Increase, "effectSize", "allowedIncrease")
	s.Allowed.Decrease = r.number(s.Allowed.Decrease, "effectSize", "allowedDecrease")
	s.CriticalEffect.Increase = r.number(s.CriticalEffect.Increase, "effectSize", "criticalIncrease")
	s.CriticalEffect.Decrease = r.number(s.CriticalEffect.Decrease, "effectSize", "criticalDecrease")
	return s, r.err
}
