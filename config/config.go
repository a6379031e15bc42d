// Package config reads CanaryConfigs and server settings from YAML or JSON.
//
// The schema is the contract (proto/judged/v1): a file has the same fields as
// a request. For people, a file may also say `direction: increase` for an
// enum value, `margin: 5%` for {relative: 0.05}, `absolute: 2ms`, `slo: 300ms`,
// `share: 10%`, and write a scope's variables directly. Mistakes are shown with line, column and caret.
package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/metrics"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// maxFile bounds a file: a config of a thousand metrics has some hundred
// kilobytes.
const maxFile = 4 << 20

// Load reads a CanaryConfig file.
func Load(path string) (analysis.Config, error) {
	text, err := readFile(path)
	if err != nil {
		return analysis.Config{}, err
	}
	message, err := Parse(text, path)
	if err != nil {
		return analysis.Config{}, err
	}
	return wire.Config(message), nil
}

// Parse reads a CanaryConfig and checks it. path is for messages only. The
// error is a *ParseError if the text is at fault.
func Parse(text []byte, path string) (*judgedv1.CanaryConfig, error) {
	message := &judgedv1.CanaryConfig{}
	return message, parse(text, path, message)
}

// LoadSettings reads a settings file and returns its sources. Paths in it are
// relative to the file.
func LoadSettings(path string) ([]metrics.Settings, error) {
	message, err := LoadServer(path)
	if err != nil {
		return nil, err
	}
	return Sources(message), nil
}

// Sources returns the sources of settings by name.
func Sources(message *judgedv1.Settings) []metrics.Settings {
	settings := wire.Settings(message)
	slices.SortFunc(settings, func(a, b metrics.Settings) int { return strings.Compare(a.Name, b.Name) })
	return settings
}

// LoadServer reads a settings file. Paths in it become relative to the working
// directory.
func LoadServer(path string) (*judgedv1.Settings, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	message := &judgedv1.Settings{}
	if err := parse(text, path, message); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	for _, s := range message.GetSources() {
		if s.GetProvider() == "recording" {
			s.Url = relativeTo(dir, s.GetUrl())
		}
	}
	resolve(message.ProtoReflect(), dir)
	return message, nil
}

// resolve makes every file of the settings relative to dir: fields are called
// file, or end in _file.
func resolve(m protoreflect.Message, dir string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch name := string(f.Name()); {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, one protoreflect.Value) bool {
					resolve(one.Message(), dir)
					return true
				})
			}
		case f.IsList():
			if f.Message() != nil {
				for i := range v.List().Len() {
					resolve(v.List().Get(i).Message(), dir)
				}
			}
		case f.Message() != nil:
			resolve(v.Message(), dir)
		case f.Kind() == protoreflect.StringKind && (name == "file" || strings.HasSuffix(name, "_file")):
			m.Set(f, protoreflect.ValueOfString(relativeTo(dir, v.String())))
		}
		return true
	})
}

// FormatSettings returns settings as YAML. Secrets that stand in them are not
// shown, only where the others are kept.
func FormatSettings(s *judgedv1.Settings) ([]byte, error) {
	shown := proto.CloneOf(s)
	hide(shown.ProtoReflect())
	return format(shown, "the settings", nil)
}

func hide(m protoreflect.Message) {
	if s, ok := m.Interface().(*judgedv1.Secret); ok {
		if s.GetValue() != "" {
			s.From = &judgedv1.Secret_Value{Value: "(not shown)"}
		}
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, one protoreflect.Value) bool {
					hide(one.Message())
					return true
				})
			}
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				hide(v.List().Get(i).Message())
			}
		default:
			hide(v.Message())
		}
		return true
	})
}

func relativeTo(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > maxFile {
		return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s has more than %d bytes", path, maxFile)}}
	}
	return text, nil
}

// ParseError is what is wrong with a file, each problem with its place.
type ParseError struct {
	Path     string
	Problems []string
}

// Error implements error; problems stand on lines of their own.
func (e *ParseError) Error() string { return strings.Join(e.Problems, "\n") }

func parse(text []byte, path string, message proto.Message) error {
	return parseLimited(text, path, message, maxFile)
}

func parseLimited(text []byte, path string, message proto.Message, limit int) error {
	if len(text) > limit {
		return &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s has more than %d bytes", path, limit)}}
	}
	// YAML knows five line breaks, protoyaml's places only one: with another
	// they would point elsewhere.
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	if i := bytes.IndexAny(text, "\u0085\u2028\u2029"); i >= 0 {
		line := 1 + bytes.Count(text[:i], []byte("\n"))
		return &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s:%d a Unicode line break (U+0085, U+2028 or U+2029): use an ordinary one", path, line)}}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return &ParseError{Path: path, Problems: []string{syntaxError(err, path, text)}}
	}
	if problems := structureProblems(&document, path, text); len(problems) > 0 {
		return &ParseError{Path: path, Problems: problems}
	}
	err := protoyaml.UnmarshalOptions{
		Path:              path,
		Validator:         validator{},
		CustomUnmarshaler: &sugar{units: map[*yaml.Node]unit{}, shares: map[*yaml.Node]bool{}},
	}.Unmarshal(text, message)
	if err == nil && document.Kind == 0 {
		// An empty file reads as an empty message without validation.
		return validate(message, path)
	}
	if err == nil {
		return nil
	}
	return &ParseError{Path: path, Problems: problemsOf(err)}
}

// problemsOf splits protoyaml's error into one problem a place: what cannot
// be read is often also against a rule, and saying it twice helps nobody.
func problemsOf(err error) []string {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{plainWords(err.Error())}
	}
	var problems []string
	seen := map[string]bool{}
	for _, one := range many.Unwrap() {
		text := plainWords(one.Error())
		place, _, _ := strings.Cut(text, " ")
		if !seen[place] {
			problems = append(problems, text)
		}
		seen[place] = true
	}
	return problems
}

// validate checks a message that did not come from YAML.
func validate(message proto.Message, path string) error {
	if err := protovalidate.Validate(message); err != nil {
		return &ParseError{Path: path, Problems: []string{path + ": " + plainWords(err.Error())}}
	}
	return nil
}

// validator gives protoyaml the one-method form it wants.
type validator struct{}

func (validator) Validate(message proto.Message) error { return protovalidate.Validate(message) }

// ruleID is the machine's name of a rule at the end of a violation's line;
// the message before it says the same for people.
var ruleID = regexp.MustCompile(` \((config|metric|margin|scope|schedule|decision|source|settings|judge|signal|traffic|pod|analysis|map|repeated|string|double|int32|int64|enum|required|cel)[a-z0-9_.]*\)`)

// plainWords rewrites protoyaml's messages in the words of a config file:
// enum values as they are written there, no type or rule names.
func plainWords(s string) string {
	s = ruleID.ReplaceAllString(s, "")
	s = strings.NewReplacer(
		"[KIND_UNSPECIFIED GAUGE COUNT RATIO HISTOGRAM]", "gauge, count, ratio, histogram",
		"[DIRECTION_UNSPECIFIED EITHER INCREASE DECREASE]", "either, increase, decrease",
		"[ASSIGNMENT_UNSPECIFIED INSTANCES RANDOMIZED]", "instances, randomized",
		"expected fields for judged.v1.", "expected fields of a ",
	).Replace(s)
	return strings.TrimRight(s, "\n")
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// syntaxError shows the line that the YAML parser stumbled over.
func syntaxError(err error, path string, text []byte) string {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return path + ": " + strings.TrimPrefix(err.Error(), "yaml: ")
	}
	line, convErr := strconv.Atoi(m[1])
	if convErr != nil {
		return path + ": " + m[2]
	}
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return fmt.Sprintf("%s:%d %s", path, line, m[2])
	}
	return at(path, line, 1, lines[line-1], m[2])
}

func at(path string, line, column int, text, message string) string {
	text = strings.TrimRight(text, "\r")
	return fmt.Sprintf("%s:%d:%d %s\n%4d | %s\n%4d | %s^", path, line, column, message, line, text, line, strings.Repeat(".", column-1))
}

// maxDepth bounds nesting; the deepest config has six levels.
const maxDepth = 32

// structureProblems finds what the schema cannot see: duplicate keys,
// aliases and merge keys (a config must read as it stands), deep nesting.
func structureProblems(document *yaml.Node, path string, text []byte) []string {
	lines := strings.Split(string(text), "\n")
	var problems []string
	report := func(n *yaml.Node, message string) {
		line := ""
		if n.Line >= 1 && n.Line <= len(lines) {
			line = lines[n.Line-1]
		}
		problems = append(problems, at(path, n.Line, max(n.Column, 1), line, message))
	}
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		if len(problems) >= 20 {
			return
		}
		if depth > maxDepth {
			report(n, fmt.Sprintf("nested more than %d levels deep", maxDepth))
			return
		}
		if n.Line > len(lines) {
			// "---" and "?" alone leave their empty value one line below the
			// end, where protoyaml cannot show it.
			problems = append(problems, at(path, len(lines), 1, lines[len(lines)-1], "the file ends where a value is expected"))
			return
		}
		switch n.Kind {
		case yaml.AliasNode:
			report(n, "aliases are not supported: write the value out")
			return
		case yaml.MappingNode:
			seen := map[string]int{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i]
				if key.Tag == "!!merge" {
					report(key, "merge keys are not supported: write the fields out")
					continue
				}
				if first, ok := seen[key.Value]; ok {
					report(key, fmt.Sprintf("%q is given twice (first in line %d)", key.Value, first))
				}
				seen[key.Value] = key.Line
			}
		}
		for _, child := range n.Content {
			walk(child, depth+1)
		}
	}
	walk(document, 0)
	return problems
}

// enumWords lets a file write enum values in lower case.
func enumWords(node *yaml.Node, message proto.Message) {
	fields := message.ProtoReflect().Descriptor().Fields()
	for i := 0; i+1 < len(node.Content); i += 2 {
		field := fields.ByName(protoreflect.Name(node.Content[i].Value))
		if field == nil {
			field = fields.ByJSONName(node.Content[i].Value)
		}
		value := node.Content[i+1]
		if field == nil || field.Enum() == nil || value.Kind != yaml.ScalarNode {
			continue
		}
		// Some enums' values begin with the enum's name, since names are unique in a
		// package: `as: error` is SEVERITY_ERROR.
		upper := strings.ToUpper(value.Value)
		for _, name := range []string{upper, strings.ToUpper(string(field.Enum().Name())) + "_" + upper} {
			if field.Enum().Values().ByName(protoreflect.Name(name)) != nil {
				value.Value = name
				break
			}
		}
	}
}
