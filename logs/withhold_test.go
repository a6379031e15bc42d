package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func TestWithhold(t *testing.T) {
	t.Parallel()
	const secret = "ya29.a/b+c=hunter2"
	for text, want := range map[string]string{
		"no secret here":                           "no secret here",
		"sent Bearer ya29.a/b+c=hunter2!":          "sent Bearer [secret]!",
		"twice ya29.a/b+c=hunter2ya29.a/b+c=":      "twice [secret][secret]",
		"escaped ya29.a%2Fb%2Bc%3Dhunter2":         "escaped [secret]",
		"cut ya29.a/b…":                            "cut [secret]…",
		"a beginning that many have: ya29.a":       "a beginning that many have: ya29.a",
		"what others have ya29.a/b, and what not ": "what others have [secret], and what not ",
	} {
		err := fmt.Errorf("around: %w", &metrics.Error{Op: "query", Source: "s", Reason: metrics.Denied, Err: errors.New(text), Hint: "h"})
		got := Withhold(err, "", "short", secret)
		e, ok := errors.AsType[*metrics.Error](got)
		if !ok || e.Err.Error() != want || e.Reason != metrics.Denied || e.Hint != "h" || e.Source != "s" {
			t.Errorf("%q becomes %v, want %q", text, got, want)
		}
	}
	if Withhold(nil, secret) != nil {
		t.Error("no error becomes one")
	}
	if err := errors.New("other"); Withhold(err, secret) != err { //nolint:errorlint // as it is
		t.Error("another error is changed")
	}
}

func FuzzWithhold(f *testing.F) {
	f.Add("before ", "hunter2-hunter2", " after")
	f.Add("", "[secret]", "")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		const mark = "[secret]"
		if len(secret) < 8 {
			return
		}
		for part := range strings.SplitSeq(withhold(before+secret+after, secret), mark) {
			if strings.Contains(part, secret[:8]) {
				t.Errorf("%q shows %q", part, secret)
			}
		}
	})
}
