// Package carrytest holds importers to what they promise: a result that judged
// reads back, and a word about all that was lost.
package carrytest

import (
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/config"
	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Documents returns the YAML documents of a file, as far as they can be read.
func Documents(path, text string) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		d := yaml.NewDecoder(strings.NewReader(text))
		for {
			n := &yaml.Node{}
			if err := d.Decode(n); errors.Is(err, io.EOF) || err != nil || !yield(path, n) {
				return
			}
		}
	}
}

// Loaded returns a config as people see it, which the loader of configs must take
// back as it is.
func Loaded(t testing.TB, c *judgedv1.CanaryConfig) string {
	t.Helper()
	out, err := config.Format(c)
	if err != nil {
		t.Fatal(err)
	}
	back, err := config.Parse(out, "out.yaml")
	if err != nil {
		t.Fatalf("the loader refuses the config:\n%v\n%s", err, out)
	}
	if !proto.Equal(back, c) {
		t.Errorf("the loader reads another config:\n%s", cmp.Diff(c.String(), back.String()))
	}
	if _, err := wire.Config(back).WithDefaults(); err != nil {
		t.Errorf("the config cannot be planned: %v\n%s", err, out)
	}
	return string(out)
}
