package calibrate

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/judge"
)

// YAML returns the lines to put into the config: the metrics whose margin must
// be larger for the target, with the margin and, where that would be larger
// than the tolerance, the tolerance. Lines that change nothing are comments.
func YAML(r *Report) string {
	var b strings.Builder
	some := false
	for _, s := range r.Signals {
		if !s.Raise() {
			continue
		}
		if !some {
			b.WriteString("metrics:\n")
		}
		some = true
		fmt.Fprintf(&b, "  - name: %s\n    margin: %s\n", strconv.Quote(s.Signal.Name), marginYAML(judge.Margin{Relative: s.Needed, Absolute: s.Signal.Margin.Absolute}))
		if t := s.Signal.Tolerance; s.Needed > t.Relative {
			fmt.Fprintf(&b, "    tolerance: %s\n", marginYAML(judge.Margin{Relative: s.Needed, Absolute: t.Absolute}))
		}
	}
	if !some {
		b.WriteString("# no margin needs to be larger\n")
	}
	for _, s := range r.Signals {
		if allowed := allowance(s.Verdicts.All(), r.Target); s.Decides && s.Stay > max(allowed, 1) {
			fmt.Fprintf(&b, "# %s FAILs in %d of %d windows whatever its margin", oneLine(s.Signal.Name), s.Stay, s.Verdicts.All())
			if s.StayBeside > 0 {
				fmt.Fprintf(&b, "; of its level alone judges:\n#   judge: %s", s.Judge)
			}
			b.WriteString("\n")
		}
	}
	if best := r.instead(); best != nil {
		l := best.Layout
		fmt.Fprintf(&b, "# instead of larger margins, %d of %d windows FAIL with\n# schedule: {warmup: %s, duration: %s, history: %s}\n",
			best.Verdicts.Fail, best.Verdicts.All(), short(l.Warmup), short(l.Duration), short(l.History))
	}
	return b.String()
}

// instead returns the schedule that keeps the target where the current one does
// not, nil if there is none.
func (r *Report) instead() *Schedule {
	if r.Verdicts.Failed().Value() <= r.Target {
		return nil
	}
	for i := range r.Schedules {
		if s := &r.Schedules[i]; !s.Current && s.Verdicts.Failed().Value() <= r.Target {
			return s
		}
	}
	return nil
}

func marginYAML(m judge.Margin) string {
	relative := strconv.FormatFloat(math.Round(m.Relative*1e5)/1e3, 'f', -1, 64) + "%"
	if m.Absolute == 0 {
		return relative
	}
	return "{relative: " + relative + ", absolute: " + strconv.FormatFloat(m.Absolute, 'f', -1, 64) + "}"
}

func oneLine(s string) string {
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
