package spinnaker_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// decode reads an answer as its reader does: a field that is no pointer must be
// there and not be null (Kotlin's non-null types, TypeScript's required fields),
// and what is not declared is passed over.
func decode(text []byte, v any) error {
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return fmt.Errorf("no JSON: %w: %.300s", err, text)
	}
	if err := present(tree, reflect.TypeOf(v).Elem(), "$"); err != nil {
		return fmt.Errorf("%w: %.3000s", err, text)
	}
	return json.Unmarshal(text, v)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// present says what of a type is missing in a tree.
func present(v any, t reflect.Type, path string) error {
	if t.Kind() == reflect.Pointer {
		if v == nil {
			return nil
		}
		return present(v, t.Elem(), path)
	}
	if v == nil {
		return fmt.Errorf("%s is missing or null", path)
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		object, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", path)
		}
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if err := present(object[name], field.Type, path+"."+name); err != nil {
				return err
			}
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s is no list", path)
		}
		for i, element := range list {
			if err := present(element, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		object, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", path)
		}
		for name, element := range object {
			if err := present(element, t.Elem(), path+"."+name); err != nil {
				return err
			}
		}
	default:
	}
	return nil
}

// integer is what Jackson reads into an Int: a number, whose fraction it cuts off,
// or one in a string.
type integer int

func (i *integer) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err != nil || math.Abs(v) > math.MaxInt32 {
		return fmt.Errorf("%s is no Int", text)
	}
	*i = integer(v)
	return nil
}

// duration is a java.time.Duration.
type duration string

var isoDuration = regexp.MustCompile(`^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$`)

func (d *duration) UnmarshalJSON(text []byte) error {
	s := strings.Trim(string(text), `"`)
	if !isoDuration.MatchString(s) || s == "PT" {
		return fmt.Errorf("%s is no Duration", text)
	}
	*d = duration(s)
	return nil
}

// What decode calls missing is missing.
func TestDecode(t *testing.T) {
	type inner struct {
		Count integer `json:"count"`
	}
	type answer struct {
		Name   string           `json:"name"`
		Reason *string          `json:"reason"`
		List   []inner          `json:"list"`
		By     map[string]inner `json:"by"`
	}
	for text, want := range map[string]string{
		`{"name":"","list":[],"by":{}}`:                                          "",
		`{"name":"a","list":[{"count":3.9}],"by":{"x":{"count":"4"}},"other":1}`: "",
		`{"list":[],"by":{}}`:                                                    "$.name is missing",
		`{"name":null,"list":[],"by":{}}`:                                        "$.name is missing",
		`{"name":"","by":{}}`:                                                    "$.list is missing",
		`{"name":"","list":[{}],"by":{}}`:                                        "$.list[0].count is missing",
		`{"name":"","list":[],"by":{"x":{}}}`:                                    "$.by.x.count is missing",
		`{"name":"","list":[{"count":"many"}],"by":{}}`:                          "no Int",
		`[]`: "$ is no object",
	} {
		var v answer
		err := decode([]byte(text), &v)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
