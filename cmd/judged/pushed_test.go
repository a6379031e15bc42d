package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// A source of provider otlp turns receiving on, in the state directory if it does
// not say where.
func TestReceiveSettings(t *testing.T) {
	state := t.TempDir()
	w := world{getenv: func(name string) string { return map[string]string{"STATE_DIRECTORY": state}[name] }}
	otlp := func(url string) *judgedv1.SourceSettings {
		return &judgedv1.SourceSettings{Provider: "otlp", Url: url, MaxBytes: 5000, MaxAge: durationpb.New(time.Hour)}
	}
	for name, c := range map[string]struct {
		sources map[string]*judgedv1.SourceSettings
		want    *server.Receive
		text    string
	}{
		"none":      {map[string]*judgedv1.SourceSettings{"prod": {Provider: "prometheus"}}, nil, ""},
		"a default": {map[string]*judgedv1.SourceSettings{"pushed": otlp("")}, &server.Receive{Directory: filepath.Join(state, "otlp"), MaxBytes: 5000, MaxAge: time.Hour}, ""},
		"a path":    {map[string]*judgedv1.SourceSettings{"pushed": otlp("/srv/x")}, &server.Receive{Directory: "/srv/x", MaxBytes: 5000, MaxAge: time.Hour}, ""},
		"relative":  {map[string]*judgedv1.SourceSettings{"pushed": otlp("x")}, nil, `source pushed: its url, "x"`},
		"two":       {map[string]*judgedv1.SourceSettings{"a": otlp("/a"), "b": otlp("/b")}, nil, "the sources a and b are both"},
	} {
		s := &judgedv1.Settings{Sources: c.sources}
		if err := placePushed(s, w); err != nil {
			t.Fatal(err)
		}
		got, err := receiveOf(s)
		if c.text != "" {
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
