package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/occurrences"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/redact"
	"github.com/judged-dev/judged/metrics"
)

// Log is a log of which two sides are compared.
type Log struct {
	// Signal has the name, which is LogSignal if it is empty, weight and whether it is
	// critical.
	judge.Signal
	// Source names who is asked, Query selects the lines of one side, in the source's
	// language, with ${variables}.
	Source, Query string
	// Severity says how bad a change is.
	Severity compare.Severity
	// Tolerance is the share of requests in which a new error may be overlooked, and
	// Ratio how many times more or less often a message must occur; 0 takes the
	// defaults of packages compare and occurrences.
	Tolerance, Ratio float64
	// Share is the canary's part of the traffic, 0 if it is not known.
	Share float64
	// SilenceFails makes a canary FAIL that logs nothing while the baseline does.
	SilenceFails bool
	// Redact are regular expressions of what is masked in lines that people read.
	Redact []string
}

// LogSignal is the name of a log that has none.
const LogSignal = "logs"

// PlannedLog is one log with its expanded queries.
type PlannedLog struct {
	Log Log
	// Queries of the baseline and the canary; that of the baseline is empty if the
	// canary is compared with its own past.
	Queries [2]string
	// Err is why it cannot be asked.
	Err error
}

// mineBytes bounds what one side of a log takes in memory.
const mineBytes = 16 << 20

// MineOptions are those of the miners of an analysis.
func MineOptions() mine.Options { return mine.Options{MaxBytes: mineBytes} }

// problems returns what is wrong with a log, and fills in its name.
func (l *Log) problems() []string {
	var all []string
	problem := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if l.Name == "" {
		l.Name = LogSignal
	}
	l.Kind, l.Unit, l.Direction = judge.Count, "lines", judge.Increase
	if l.Tolerance == 0 {
		l.Tolerance = compare.DefaultTolerance
	}
	if l.Ratio == 0 {
		l.Ratio = occurrences.DefaultRatio
	}
	if l.Source == "" {
		problem("logs %q have no source", l.Name)
	}
	if l.Query == "" {
		problem("logs %q have no query", l.Name)
	}
	if !(l.Tolerance > 0 && l.Tolerance < 1) || !(l.Share >= 0 && l.Share < 1) {
		problem("logs %q have a tolerance or share that is not between 0 and 1", l.Name)
	}
	if !(l.Ratio > 1 && l.Ratio <= math.MaxFloat64) {
		problem("logs %q look for a ratio of %v: it says how many times more or less often, so it is more than 1", l.Name, l.Ratio)
	}
	if _, err := l.redactor(); err != nil {
		problem("logs %q: %v", l.Name, err)
	}
	return all
}

func (l *Log) redactor() (*redact.Redactor, error) {
	return redact.New(redact.Options{Patterns: l.Redact})
}

// planLog expands a log's queries.
func planLog(l Log, scopes Scopes, sources *Sources, history metrics.Window) PlannedLog {
	p := PlannedLog{Log: l}
	own := len(scopes.Baseline) == 0 && len(scopes.Canary) > 0
	fail := func(op string, reason metrics.Reason, err error, hint string) PlannedLog {
		p.Err = &metrics.Error{Op: op, Source: l.Source, Query: l.Query, Reason: reason, Err: err, Hint: hint}
		return p
	}
	if own && history.Duration() <= 0 {
		return fail("compare with its own past", metrics.BadQuery, errors.New("there is no baseline and no history"),
			"give the schedule a history (schedule.history: 8h), or a baseline scope")
	}
	provider, err := sources.LogProvider(l.Source)
	if err != nil {
		p.Err = err
		return p
	}
	for side, scope := range [2]map[string]string{Baseline: scopes.Baseline, Canary: scopes.Canary} {
		if own && Side(side) == Baseline {
			continue
		}
		q, err := provider.Expand(l.Query, scope)
		if err != nil {
			return fail("expand the "+Side(side).String()+" query for", metrics.BadQuery, err, "")
		}
		p.Queries[side] = q
	}
	if p.Queries[Baseline] == p.Queries[Canary] {
		return fail("compare two sides of", metrics.BadQuery, errors.New("baseline and canary ask the same query"),
			"use a ${variable} in it whose value differs between the scopes")
	}
	return p
}

// mineLogs reads and compares what every log has, each at its place. Errors stay
// with their log.
func (p *Plan) mineLogs(ctx context.Context, sources *Sources) []Input {
	inputs := make([]Input, len(p.Logs))
	var group errgroup.Group
	group.SetLimit(maxConcurrentQueries)
	for i := range p.Logs {
		group.Go(func() error {
			inputs[i] = p.mineLog(ctx, sources, &p.Logs[i])
			return nil
		})
	}
	_ = group.Wait() // no goroutine returns an error
	return inputs
}

func (p *Plan) mineLog(ctx context.Context, sources *Sources, l *PlannedLog) (in Input) {
	in = Input{
		Sample:   judge.Sample{Signal: l.Log.Signal},
		unread:   compare.Name,
		Err:      l.Err,
		Evidence: judge.Evidence{Source: l.Log.Source, BaselineQuery: l.Queries[Baseline], CanaryQuery: l.Queries[Canary]},
	}
	if in.Err != nil {
		return in
	}
	defer func() {
		if cause := recover(); cause != nil {
			in.Err = panicked("compare", l.Log.Source, l.Log.Query, "the comparison", cause)
		}
	}()
	read, err := sources.Mine(l.Log.Source)
	if err != nil {
		in.Err = err
		return in
	}
	sides := compare.Sides{Share: l.Log.Share}
	own := l.Queries[Baseline] == ""
	reads := [...]struct {
		query  string
		window metrics.Window
		to     **mine.Miner
	}{
		{l.Queries[Canary], p.Window, &sides.Canary},
		{l.Queries[Baseline], p.Window, &sides.Baseline},
		{l.Queries[Baseline], p.History, &sides.History},
		{l.Queries[Canary], p.History, new(*mine.Miner)},
	}
	if own {
		reads[1].query, reads[1].window = l.Queries[Canary], p.History
	}
	needed := reads[:2]
	if p.History.Duration() > 0 && !own {
		needed = reads[:]
	}
	var (
		group errgroup.Group
		errs  [len(reads)]error
	)
	for i, r := range needed {
		group.Go(func() error {
			*r.to, errs[i] = safely(ctx, l.Log.Source, read, r.query, r.window)
			return nil
		})
	}
	_ = group.Wait() // no goroutine returns an error
	if in.Err = cmp.Or(errs[0], errs[1]); in.Err != nil {
		return in
	}
	if err := cmp.Or(errs[2], errs[3]); err != nil {
		// History tells what is not new: without it more is told, nothing is wrong.
		in.Warnings = append(in.Warnings, "judged without history: "+err.Error())
		sides.History = nil
	} else if sides.History != nil {
		sides.History.Merge(*reads[3].to)
	}
	in.Logs, in.Err = l.Log.compare(sides, p.lookAt(), p.Config.Schedule.Sliding > 0, p.Window.End)
	return in
}

// safely turns a driver's panic into an error: its mistake must not take the process
// and every other analysis with it.
func safely(ctx context.Context, source string, read mine.Read, query string, window metrics.Window) (m *mine.Miner, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked("read", source, query, "the driver", cause)
		}
	}()
	return read(ctx, query, window)
}

// compare counts and tests, at a look.
func (l *Log) compare(sides compare.Sides, at Look, sliding bool, now time.Time) (*compare.Comparison, error) {
	r, err := l.redactor()
	if err != nil {
		return nil, err
	}
	return compare.New(sides, compare.Options{
		Severity: l.Severity, Ratio: l.Ratio, Tolerance: l.Tolerance, SilenceFails: l.SilenceFails,
		// Windows that slide share the error by Bonferroni, like the other signals.
		Looks: at.Of > 0 && !sliding, Last: at.Number >= at.Of, Clean: r.Text, Now: now,
	}), nil
}

// Clean returns what masks secrets in every line that is kept: those that are known
// by their form, and those of any of the logs. A config that is not valid has
// none, since nothing is read for it.
func (c Config) Clean() func(string) string {
	var each []*redact.Redactor
	for i := range c.Logs {
		r, err := c.Logs[i].redactor()
		if err != nil {
			return func(string) string { return "" }
		}
		each = append(each, r)
	}
	return func(text string) string {
		for _, r := range each {
			text = r.Text(text)
		}
		return text
	}
}
