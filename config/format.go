package config

import (
	"bytes"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Format returns a config as a YAML file that Parse reads back to the same
// config. Equal configs have equal files.
func Format(c *judgedv1.CanaryConfig) ([]byte, error) {
	return format(c, fmt.Sprintf("config %q", c.GetName()), func(top *yaml.Node) {
		for _, side := range []string{"baseline", "canary"} {
			// A scope is written as its variables.
			if scope := field(field(top, "scopes"), side); scope != nil {
				if variables := field(scope, "variables"); variables != nil {
					*scope = *variables
				}
			}
		}
	})
}

// format writes a message as YAML, after change, if there is one.
func format(m proto.Message, what string, change func(top *yaml.Node)) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", what, err)
	}
	var document yaml.Node // JSON is YAML, and a node keeps the order of the fields
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("write %s: %w", what, err)
	}
	inBlocks(&document)
	if change != nil && len(document.Content) > 0 {
		change(document.Content[0])
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&document); err != nil {
		return nil, fmt.Errorf("write %s: %w", what, err)
	}
	return out.Bytes(), e.Close()
}

// inBlocks drops JSON's braces and quotes where YAML needs none.
func inBlocks(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		inBlocks(child)
	}
}

func field(object *yaml.Node, name string) *yaml.Node {
	if object == nil || object.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i+1]
		}
	}
	return nil
}

// Diff returns what changed from one config to another as a unified diff of
// their files; empty if nothing did.
func Diff(from, to *judgedv1.CanaryConfig, fromName, toName string) (string, error) {
	older, err := Format(from)
	if err != nil {
		return "", err
	}
	newer, err := Format(to)
	if err != nil {
		return "", err
	}
	text := diff.Diff(fromName, older, toName, newer)
	// The first line is the command that would print the rest.
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok {
		text = rest
	}
	return string(text), nil
}
