package kayenta

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestTemplateVectors compares with what Kayenta's compiled classes expand.
// Of errors, Kayenta's text must be the beginning.
func TestTemplateVectors(t *testing.T) {
	type vector struct {
		ID, Note string
		Input    struct {
			Query *QueryConfig
			// Scope has project and resourceType beside the usual fields, as the class of
			// Prometheus' scopes does.
			Scope struct {
				Scope, Location, Project, ResourceType string
				ExtendedScopeParams                    map[string]string
			}
			Templates map[string]string
		}
		BaseScopeAttributes []string
		Expected            struct{ Expanded, Error string }
	}
	for _, v := range readVectorFile[vector](t, "vectors-templates.jsonl") {
		t.Run(v.ID+" "+v.Note, func(t *testing.T) {
			c := &Config{Templates: v.Input.Templates}
			s := v.Input.Scope
			var got string
			var err error
			if v.Input.Query.fields["customFilter"] == nil {
				got, err = c.filter(v.Input.Query, variables(v.BaseScopeAttributes, map[string]string{
					"scope": s.Scope, "location": s.Location, "project": s.Project, "resourceType": s.ResourceType,
				}, v.Input.Query, s.ExtendedScopeParams))
			} else { // is looked at before
				_, err = promQL(c, v.Input.Query, &Scope{Scope: s.Scope}, QueryOptions{})
			}
			switch want := v.Expected; {
			case want.Error == "" && (err != nil || got != want.Expanded):
				t.Errorf("%q (%v), want %q", got, err, want.Expanded)
			case want.Error != "" && (err == nil || !strings.HasPrefix(err.Error(), want.Error)):
				t.Errorf("%q (%v), want the error %q", got, err, want.Error)
			case want.Error != "":
				t.Log(err)
			}
		})
	}
}

// TestExpand has what the vectors do not: the order in which dollars, values
// and defaults are looked at.
func TestExpand(t *testing.T) {
	values := map[string]string{"a": "1", "dollar": "$", "open": "${", "empty": "", "nested": "<${a}>", "ab": "x${nested}y", "escaped": "$${a}"}
	for template, want := range map[string]string{
		"":                       "",
		"$":                      "$",
		"${":                     "${",
		"${}":                    "error",
		"$${a}":                  "${a}",
		"$$${a}":                 "$${a}",
		"${a}${a}":               "11",
		"${dollar}${a}":          "${a}", // a dollar from a value escapes, too
		"${open}a}":              "${a}", // what a value opens only it can close
		"${empty}":               "",
		"${empty:-x}":            "",
		"${none:-${a}}":          "${a}", // the first brace closes
		"${none:-:-}":            ":-",
		"${none:-${a}":           "${a", // what a default opens only it can close
		"${ab}":                  "x<1>y",
		"${escaped}":             "${a}",
		"${none:-$${a}}":         "${a}",
		"a}b{c}":                 "a}b{c}",
		"${a${a}}":               "error",
		"${none:-${other:-deep}": "${other:-deep",
	} {
		got, err := expand(template, values)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", template, got, err, want)
		}
	}
}

// TestExpansionIsBounded: values that refer to each other must not cost more
// than they are worth.
func TestExpansionIsBounded(t *testing.T) {
	double := func(last string) map[string]string {
		values := map[string]string{}
		for i := range 40 {
			values[fmt.Sprint("v", i)] = strings.Repeat(fmt.Sprintf("${v%d}", i+1), 2)
		}
		values["v40"] = last
		return values
	}
	chain := map[string]string{}
	for i := range 200 {
		chain[fmt.Sprint("v", i)] = fmt.Sprintf("${v%d}", i+1)
	}
	for name, c := range map[string]struct {
		values map[string]string
		want   string
	}{
		"2^40 empty values":   {double(""), "variables are replaced"},
		"2^40 long values":    {double(strings.Repeat("x", 1000)), "longer than"},
		"200 deep":            {chain, "deep"},
		"one long value":      {map[string]string{"v0": strings.Repeat("x", maxExpansion+1)}, "longer than"},
		"a circle":            {map[string]string{"v0": "${v1}", "v1": "${v0}"}, "v0 -> v1 -> v0"},
		"a circle of default": {map[string]string{"v0": "${v0:-x}"}, "v0 -> v0"},
	} {
		if text, err := expand("${v0}", c.values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d bytes (%v), want an error with %q", name, len(text), err, c.want)
		}
	}
	if _, err := expand(strings.Repeat("x", maxExpansion+1), nil); !errors.Is(err, errTooLong) {
		t.Errorf("a long template: %v", err)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("${a}-${b:-c}-$${d}-${", "x${b}", "${a}")
	f.Add("${a:-${b}}", "$", "{")
	f.Fuzz(func(t *testing.T, template, a, b string) {
		got, err := expand(template, map[string]string{"a": a, "b": b})
		if err != nil {
			return
		}
		if len(got) > maxExpansion {
			t.Fatalf("%d bytes", len(got))
		}
		if !strings.Contains(template, "${") && got != template {
			t.Fatalf("%q became %q without a variable", template, got)
		}
	})
}
