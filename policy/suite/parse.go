package suite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxFile bounds a file, in bytes.
	MaxFile = 1 << 20
	// maxDepth bounds its nesting; the deepest case has seven levels.
	maxDepth = 32
	// maxProblems bounds what is told at once.
	maxProblems = 20
)

// ParseError is what is wrong with a file.
type ParseError struct {
	// Path is the file's.
	Path string
	// Problems are lines of text; those that have a place start with it.
	Problems []string
}

// Error implements error; problems stand on lines of their own.
func (e *ParseError) Error() string {
	problems := e.Problems
	if n := len(problems); n > maxProblems {
		problems = append(slices.Clone(problems[:maxProblems]), fmt.Sprintf("%s: and %d more lines", e.Path, n-maxProblems))
	}
	return strings.Join(problems, "\n")
}

// Parse reads a file, compiles its rules and checks its cases. path is for
// messages only. The error is a *ParseError.
func Parse(text []byte, path string) (*Suite, error) {
	fail := func(problems ...string) (*Suite, error) {
		return nil, &ParseError{Path: path, Problems: problems}
	}
	if len(text) > MaxFile {
		return fail(fmt.Sprintf("%s has more than %d bytes: split it", path, MaxFile))
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fail(problemsOf(err, path)...)
	}
	if problems := structure(&document, path); len(problems) > 0 {
		return fail(problems...)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var f file
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return fail(problemsOf(err, path)...)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fail(path + ": there is more than one document: put them into files of their own")
	}
	var b builder
	b.decision(f.Decision)
	b.windows(f.Windows)
	b.authorization(f.Authorization)
	b.constraints(f.Constraints)
	b.routes(f.Routes)
	for i, p := range b.problems {
		if !strings.HasPrefix(p, " ") { // not the excerpt below a problem
			b.problems[i] = path + ": " + p
		}
	}
	if len(b.problems) == 0 && len(b.suite.cases) == 0 {
		return fail(path + ": there is no case: nothing would be tested")
	}
	if len(b.problems) > 0 {
		return fail(b.problems...)
	}
	return &b.suite, nil
}

// structure refuses what makes a file mean something else than it shows.
func structure(document *yaml.Node, path string) []string {
	var problems []string
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		switch {
		case len(problems) >= maxProblems:
			return
		case depth > maxDepth:
			problems = append(problems, fmt.Sprintf("%s:%d nested more than %d levels deep", path, n.Line, maxDepth))
			return
		case n.Kind == yaml.AliasNode:
			problems = append(problems, fmt.Sprintf("%s:%d aliases are not supported: write the value out", path, n.Line))
			return
		case n.Tag == "!!merge":
			problems = append(problems, fmt.Sprintf("%s:%d merge keys are not supported: write the keys out", path, n.Line))
		}
		for _, child := range n.Content {
			walk(child, depth+1)
		}
	}
	walk(document, 0)
	return problems
}

var (
	lineOfError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(?s:(.*))$`)
	unknownKey  = regexp.MustCompile(`^field (.*) not found in type (.*)$`)
	badMoment   = regexp.MustCompile(`^parsing time "(.*?)" as `) // the YAML package does not say where
	wrongType   = regexp.MustCompile("^cannot unmarshal !!\\w+(?: `((?s:.*))`)? into (.*)$")
)

// problemsOf rewrites an error of the YAML package's, which speaks of Go types,
// for people who write files.
func problemsOf(err error, path string) []string {
	texts := []string{err.Error()}
	if many, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = many.Errors
	} else if one, ok := lineOf(err); ok {
		texts = []string{one.Error()}
	}
	var problems []string
	for _, text := range texts {
		m := lineOfError.FindStringSubmatch(text)
		place, text := path+":", m[2]
		if line, err := strconv.Atoi(m[1]); err == nil {
			place = fmt.Sprintf("%s:%d", path, line)
		}
		if m := unknownKey.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("there is no key %q here", short(m[1]))
			if keys := keysOf[m[2]]; len(keys) > 0 {
				text += ": there are " + strings.Join(keys, ", ")
			}
		} else if m := wrongType.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("%s is wanted here", inWords(m[2]))
			if m[1] != "" {
				text += fmt.Sprintf(", not %q", short(m[1]))
			}
		}
		if m := badMoment.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("a moment like 2026-12-24T18:00:00+01:00 is wanted, not %q", short(m[1]))
		}
		problems = append(problems, place+" "+text)
	}
	return problems
}

func inWords(goType string) string {
	switch {
	case goType == "string":
		return "a text"
	case goType == "bool":
		return "true or false"
	case goType == "time.Duration":
		return "a length of time like 90s or 30m"
	case goType == "time.Time":
		return "a moment like 2026-12-24T18:00:00+01:00"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	default:
		return "a mapping"
	}
}

// short bounds a value within a sentence.
func short(s string) string {
	const most = 80
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// keysOf are the keys of each mapping, by its Go type as the YAML package calls
// it.
var keysOf = func() map[string][]string {
	keys := map[string][]string{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Slice, reflect.Pointer, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			if keys[t.String()] != nil || t.PkgPath() == "time" {
				return
			}
			for f := range t.Fields() {
				if name := f.Tag.Get("yaml"); name != "" {
					keys[t.String()] = append(keys[t.String()], name)
				}
			}
			for f := range t.Fields() {
				walk(f.Type)
			}
		default:
		}
	}
	walk(reflect.TypeFor[file]())
	return keys
}()
