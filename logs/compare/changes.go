package compare

import (
	"slices"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/occurrences"
	"github.com/judged-dev/judged/logs/mine"
)

// changes returns what differs at a false discovery rate of alpha, the worst
// first, and what is grave enough to be told at its first sign.
func (c *Comparison) changes(alpha float64) []judge.Change {
	var all []judge.Change
	var of []*row                       // that each is of
	found := map[int]judge.ChangeKind{} // by template
	for k, rows := range [][]row{c.rows, c.parts} {
		for i := range rows {
			r, result := &rows[i], c.results[k][i]
			kind, certain := result.Kind, result.Q <= alpha
			if r.known && kind == judge.New {
				kind = judge.Up // somebody wrote it before the release
			}
			if !certain || kind == "" {
				// A new skeleton of a template that is known may be but another word in it.
				if kind = c.firstSign(r); kind == "" || k > 0 {
					continue
				}
			}
			if was, ok := found[r.template]; ok && up(was) == up(kind) {
				continue // the template says it all
			}
			change := c.change(r, kind, result)
			if certain || change.Severity == judge.Grave {
				all, of = append(all, change), append(of, r)
				if k == 0 {
					found[r.template] = kind
				}
			}
		}
	}
	all = c.rename(all, of)
	for _, s := range c.slots {
		if s.AdjustedPValue <= alpha {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, worse)
	for i := mostExcerpted; i < len(all); i++ {
		all[i].Excerpts = nil // a judgment is kept for every look
	}
	return all[:min(len(all), maxChanges)]
}

const (
	// maxChanges bounds what one finding lists; a person reads ten.
	maxChanges = 200
	// mostExcerpted are those of the worst that have lines to read.
	mostExcerpted = 20
)

func up(k judge.ChangeKind) bool { return k == judge.New || k == judge.Up }

// firstSign returns New for what the canary has and nothing before it had, however
// seldom: if it is grave, one line is enough.
func (c *Comparison) firstSign(r *row) judge.ChangeKind {
	if r.canary.lines > 0 && r.baseline.lines == 0 && !r.known && !r.doubtful {
		return judge.New
	}
	return ""
}

func (c *Comparison) change(r *row, kind judge.ChangeKind, result occurrences.Result) judge.Change {
	t := &c.templates[r.template]
	text := c.text(r)
	out := judge.Change{
		Kind: kind, ID: id(t), Name: c.options.Clean(text), Level: t.Level.String(), Logger: t.Logger,
		Baseline: r.item.Baseline, Canary: r.item.Canary,
		Effect: result.Effect, PValue: result.PValue, AdjustedPValue: result.Q,
	}
	if r.requests {
		out.Baseline, out.Canary = times(out.Baseline, sampling(&r.baseline.requests)), times(out.Canary, sampling(&r.canary.requests))
	} else {
		// Lines have no exposure that a person could check.
		out.Baseline.Exposure, out.Canary.Exposure = 0, 0
	}
	out.Severity, out.Why = c.options.Severity.Of(kind, out.ID, t.Level, text, c.options.Now)
	where, miner := &r.canary, c.sides.Canary
	if kind == judge.Lost || kind == judge.Down {
		where, miner = &r.baseline, c.sides.Baseline
	}
	out.FirstSeen = where.at()
	out.Instances, out.InstanceCount = instances(miner, where)
	if all := named(c.sides.Canary); up(kind) && all > 1 && out.InstanceCount == 1 && where.lines >= 2 {
		out.Single = true
	}
	out.Excerpts = c.excerpts(where)
	return out
}

func times(t judge.Tally, n float64) judge.Tally {
	return judge.Tally{Events: n * t.Events, Exposure: n * t.Exposure}
}

// named returns how many instances of a side have a name.
func named(m *mine.Miner) int {
	seen := map[uint16]bool{}
	for _, c := range m.Cells {
		if c.Instance != 0 {
			seen[c.Instance] = true
		}
	}
	return len(seen)
}

const maxExcerpts = 3

func (c *Comparison) excerpts(s *side) []judge.Excerpt {
	var out []judge.Excerpt
	for _, m := range s.members {
		for _, one := range m.Samples() {
			if len(out) == maxExcerpts {
				return out
			}
			out = append(out, judge.Excerpt{
				Time: one.Time, Instance: one.Instance, Trace: one.Trace, Text: c.options.Clean(one.Text),
			})
		}
	}
	return out
}
