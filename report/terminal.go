package report

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// TextOptions say what the device that shows a Text can do. The zero value is
// right for a file or a pipe.
type TextOptions struct {
	// Color allows ANSI escape sequences. Without it there are none.
	Color bool
	// Width is the device's width in cells; 0 counts as DefaultWidth.
	Width int
	// ASCII keeps to 7-bit characters, for devices that do not show UTF-8.
	ASCII bool
}

// DefaultWidth is the width where nobody knows it: CI systems show logs about
// this wide.
const DefaultWidth = 120

// minWidth is the narrowest layout; a narrower device breaks its lines.
const minWidth = 40

// DetectText returns the options for writing to f: colours and its width if it
// is a terminal. env reads the environment:
//
//   - NO_COLOR turns colours off (https://no-color.org);
//   - CLICOLOR_FORCE and FORCE_COLOR turn them on where f is no terminal, as
//     CI logs want it; 0 does not;
//   - TERM=dumb or none has no colours;
//   - COLUMNS is the width instead of the terminal's;
//   - LC_ALL, LC_CTYPE or LANG without UTF-8, or TERM=linux, whose font has
//     few symbols, means ASCII. No locale at all says nothing: containers
//     have none.
func DetectText(f *os.File, env func(string) string) TextOptions {
	descriptor := int(f.Fd())
	o := detect(term.IsTerminal(descriptor), env)
	if o.Width == 0 {
		if columns, _, err := term.GetSize(descriptor); err == nil {
			o.Width = max(columns, 0)
		}
	}
	return o
}

func detect(terminal bool, env func(string) string) TextOptions {
	var o TextOptions
	forced := on(env("CLICOLOR_FORCE")) || on(env("FORCE_COLOR"))
	// Windows Terminal sets no TERM.
	able := env("TERM") != "" && env("TERM") != "dumb" || env("WT_SESSION") != ""
	o.Color = (forced || terminal && able) && env("NO_COLOR") == ""
	if columns, err := strconv.Atoi(env("COLUMNS")); err == nil && columns > 0 {
		o.Width = columns
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(env(name)); locale != "" {
			o.ASCII = !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
			break
		}
	}
	if terminal && env("TERM") == "linux" {
		o.ASCII = true
	}
	return o
}

func on(value string) bool { return value != "" && value != "0" && value != "false" }
