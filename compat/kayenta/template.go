package kayenta

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits of one expansion. Values may refer to others, so that a short
// template could ask for an endless text.
const (
	maxExpansion     = 64 << 10 // bytes
	maxSubstitutions = 1000
	maxNesting       = 100
)

// filter returns the query's filter: its inline template or the template of
// the config that it names, expanded. It is "" if the query has neither.
func (c *Config) filter(q *QueryConfig, variables map[string]string) (string, error) {
	text := q.text("customInlineTemplate")
	if name := q.text("customFilterTemplate"); text == "" && name != "" {
		template, found := c.Templates[name]
		switch {
		case len(c.Templates) == 0:
			return "", invalid("Custom filter template '%s' was referenced, but no templates were defined.", shorten(name))
		case !found:
			return "", invalid("Custom filter template '%s' was not found.", shorten(name))
		}
		text = template
	}
	// Kayenta escapes templates when an execution begins, and users who have
	// seen that do it themselves.
	text = strings.ReplaceAll(text, `$\{`, "${")
	expanded, err := expand(text, variables)
	if err != nil {
		return "", &Error{Kind: Invalid, Message: "Problem evaluating custom filter template: " + text, Err: err}
	}
	return expanded, nil
}

// variables returns what a template may refer to: the store's base attributes,
// first those of the scope, over them those of the query that have equal
// names, over them all of the scope's extendedScopeParams. Base attributes
// that are empty are not defined.
func variables(attributes []string, scope map[string]string, q *QueryConfig, extended map[string]string) map[string]string {
	bound := make(map[string]string, len(attributes)+len(extended))
	for _, name := range attributes {
		for _, value := range []string{scope[name], q.text(name)} {
			if value != "" {
				bound[name] = value
			}
		}
	}
	maps.Copy(bound, extended)
	return bound
}

// expand replaces ${name} and ${name:-default} in template, and takes one
// dollar off $${name}. These are the rules of StringSubstitutor of Apache's
// commons-text, as Kayenta sets it up: values are expanded themselves, the
// names of variables are not, names are taken literally, and what is not
// closed stays as it is.
func expand(template string, variables map[string]string) (string, error) {
	if len(template) > maxExpansion {
		return "", errTooLong
	}
	e := expansion{text: []byte(template), variables: variables}
	if _, err := e.substitute(0, len(e.text)); err != nil {
		return "", err
	}
	return string(e.text), nil
}

var errTooLong = fmt.Errorf("the text gets longer than %d bytes", maxExpansion)

// expansion is a text while it is expanded.
type expansion struct {
	text          []byte
	variables     map[string]string
	open          []string // variables whose values are being expanded
	substitutions int
}

// substitute expands text[start:end] and returns by how much it grew.
func (e *expansion) substitute(start, end int) (grown int, err error) {
	for pos := start; pos+1 < end; {
		if e.text[pos] != '$' || e.text[pos+1] != '{' {
			pos++
			continue
		}
		if pos > start && e.text[pos-1] == '$' {
			e.text = slices.Delete(e.text, pos-1, pos)
			end--
			grown--
			continue
		}
		length := slices.Index(e.text[pos:end], '}') + 1
		if length == 0 {
			break
		}
		name, value, err := e.lookUp(string(e.text[pos+len("${") : pos+length-1]))
		if err != nil {
			return 0, err
		}
		change := len(value) - length
		if len(e.text)+change > maxExpansion {
			return 0, errTooLong
		}
		e.text = slices.Replace(e.text, pos, pos+length, []byte(value)...)
		e.open = append(e.open, name)
		more, err := e.substitute(pos, pos+len(value))
		if err != nil {
			return 0, err
		}
		e.open = e.open[:len(e.open)-1]
		pos += len(value) + more
		end += change + more
		grown += change + more
	}
	return grown, nil
}

// lookUp returns the value of what stands between the braces.
func (e *expansion) lookUp(reference string) (name, value string, err error) {
	name, standard, hasStandard := strings.Cut(reference, ":-")
	if strings.Contains(name, "${") {
		name, hasStandard = reference, false
	}
	value, bound := e.variables[name]
	switch e.substitutions++; {
	case slices.Contains(e.open, name):
		return "", "", fmt.Errorf("the values of variables refer to each other in a circle: %s", shorten(strings.Join(append(e.open, name), " -> ")))
	case e.substitutions > maxSubstitutions:
		return "", "", fmt.Errorf("more than %d variables are replaced", maxSubstitutions)
	case len(e.open) >= maxNesting:
		return "", "", fmt.Errorf("the values of variables refer to each other more than %d deep", maxNesting)
	case bound:
	case hasStandard:
		value = standard
	default:
		return "", "", fmt.Errorf("variable '%s' has no value: give it one in the scope's extendedScopeParams, or write ${%[1]s:-default}", shorten(name))
	}
	return name, value, nil
}
