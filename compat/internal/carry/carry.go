// Package carry holds what the importers of other products' configs share: the
// result, the list of what could not be carried over, and reading YAML documents
// of which every line can be pointed at.
package carry

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Imported is a CanaryConfig made of another product's documents.
type Imported struct {
	Config *judgedv1.CanaryConfig
	// Lost says what could not be carried over: where, what, and what to do
	// instead.
	Lost []string
	// Check says what was assumed or left to be filled in.
	Check []string
}

// What a CanaryConfig may have: metrics, characters of a query and of a rule,
// variables of a scope.
const (
	MaxMetrics   = 1000
	MaxQuery     = 16384
	MaxRule      = 4096
	MaxVariables = 64
)

// FillIn is what a person has to write instead.
const FillIn = "FILL_IN"

// Reader reads documents and keeps the result.
type Reader struct {
	Imported
	// Path is that of the document's file, for messages.
	Path string
}

// Lose notes what could not be carried over of a node.
func (r *Reader) Lose(n *yaml.Node, where, format string, args ...any) {
	r.LoseAll(r.At(n, where)+": "+format, args...)
}

// LoseAll notes what could not be carried over.
func (r *Reader) LoseAll(format string, args ...any) {
	r.Lost = append(r.Lost, fmt.Sprintf(format, args...))
}

// Assume notes what a person should look at.
func (r *Reader) Assume(format string, args ...any) {
	r.Check = append(r.Check, fmt.Sprintf(format, args...))
}

// At names a node's place.
func (r *Reader) At(n *yaml.Node, where string) string {
	return fmt.Sprintf("%s:%d %s", r.Path, n.Line, where)
}

// Each calls read for every field of an object. Aliases are not followed, so
// that a small file stays small.
func (r *Reader) Each(n *yaml.Node, where string, read func(key string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.Lose(n, where, "is not an object; aliases are not supported: write it out")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		read(n.Content[i].Value, n.Content[i+1])
	}
}

// Items returns the elements of a list.
func (r *Reader) Items(n *yaml.Node, where string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.Lose(n, where, "is not a list; aliases are not supported: write it out")
		return nil
	}
	return n.Content
}

// Child returns a field of an object, an empty value if it has none.
func Child(n *yaml.Node, name string) *yaml.Node {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i+1]
			}
		}
	}
	return &yaml.Node{Line: n.Line}
}
