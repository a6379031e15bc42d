package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
)

func TestLoadPins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pins:\n- {template: 0f3a9c2e77d01b44, as: ignored, until: 2026-12-01T00:00:00Z, by: ann, note: known}\n- template: 1f3a9c2e77d01b44\n  as: critical")
	pins, err := LoadPins(path)
	if err != nil || len(pins) != 2 {
		t.Fatalf("%v, %v", pins, err)
	}
	if p := pins[0]; p.Template != "0f3a9c2e77d01b44" || p.As != judge.Ignored || !p.Until.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)) || p.By != "ann" || p.Note != "known" {
		t.Errorf("got %+v", p)
	}
	if pins[1].As != judge.Grave {
		t.Errorf("got %+v", pins[1])
	}
	write("pins:\n\n- {template: 0f3a, as: info}\n")
	if _, err := LoadPins(path); err == nil || !strings.Contains(err.Error(), "pins.yaml:3:14") {
		t.Errorf("a mistake is not shown where it is: %v", err)
	}
	if _, err := LoadPins(path + "x"); err == nil {
		t.Error("a file that is not there has pins")
	}
}
