package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/md5" //nolint:gosec // the data's own rule for who is the canary
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/compare"
	"github.com/judged-dev/judged/logs/mine"
)

// tally is how many cases there were, and in how many something was found.
type tally struct {
	Cases       int `json:"cases"`
	WithFinding int `json:"with_finding"`
}

// faultTally is the same for one kind of fault.
type faultTally struct {
	Cases    int `json:"cases"`
	Detected int `json:"detected"`
}

// nezhaReport is what comparing the logs of services found.
type nezhaReport struct {
	Concurrent, Timeshift tally
	Faults                map[string]faultTally
	// Told has a line for each finding of a healthy service, and for each fault.
	Told []string
}

// nezhaCase is one entry of cases.json.
type nezhaCase struct {
	Case     string   `json:"case"`
	Kind     string   `json:"kind"`
	Baseline []string `json:"baseline"`
	Canary   []string `json:"canary"`
	Pool     []string `json:"pool"`
	Split    string   `json:"split"`
	Target   string   `json:"target_service"`
	Fault    string   `json:"fault"`
}

// line is one line of a window.
type line struct {
	T       float64 `json:"t"`
	Service string  `json:"svc"`
	Level   string  `json:"level"`
	Logger  string  `json:"logger"`
	Trace   string  `json:"trace"`
	Message string  `json:"msg"`
}

// windows reads and keeps the windows of a folder, by name and service.
type windows struct {
	dir  string
	read map[string]map[string][]line
}

// nezha judges every service of every case of DIR/nezha-trainticket-logs.
func nezha(ctx context.Context, dir string) (nezhaReport, error) {
	report := nezhaReport{Faults: map[string]faultTally{}}
	folder := filepath.Join(dir, "nezha-trainticket-logs")
	b, err := os.ReadFile(filepath.Join(folder, "cases.json"))
	if err != nil {
		return report, err
	}
	var cases []nezhaCase
	if err := json.Unmarshal(b, &cases); err != nil {
		return report, fmt.Errorf("cases.json: %w", err)
	}
	w := windows{dir: filepath.Join(folder, "windows"), read: map[string]map[string][]line{}}
	for _, c := range cases {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		if err := w.judge(c, &report); err != nil {
			return report, fmt.Errorf("case %s: %w", c.Case, err)
		}
	}
	return report, nil
}

func (w windows) judge(c nezhaCase, report *nezhaReport) error {
	baseline, canary, err := w.sides(c)
	if err != nil {
		return err
	}
	if c.Kind == "AB" {
		f := compareService(baseline[c.Target], canary[c.Target])
		t := report.Faults[c.Fault]
		t.Cases++
		if found(f) {
			t.Detected++
		}
		report.Faults[c.Fault] = t
		report.Told = append(report.Told, fmt.Sprintf("%s %s %s: %v: %s", c.Case, c.Fault, c.Target, f.Verdict, f.Reason))
		return nil
	}
	t := &report.Timeshift
	if c.Kind == "AA-concurrent" {
		t = &report.Concurrent
	}
	for _, service := range slices.Sorted(maps.Keys(baseline)) {
		if len(canary[service]) == 0 {
			continue // nothing to compare: judged says INCONCLUSIVE, and finds nothing
		}
		f := compareService(baseline[service], canary[service])
		t.Cases++
		if found(f) {
			t.WithFinding++
			report.Told = append(report.Told, fmt.Sprintf("%s %s: %v: %s", c.Case, service, f.Verdict, f.Reason))
			for _, change := range f.Changes {
				report.Told = append(report.Told, "    "+change.Sentence())
			}
		}
	}
	return nil
}

// found reports whether a change keeps the release from passing. Those of severity
// info, such as fewer errors, are listed for whoever wants to read them, and hold
// nothing up.
func found(f judge.Finding) bool {
	return f.Verdict == judge.Fail || slices.ContainsFunc(f.Changes, func(c judge.Change) bool { return c.Severity >= judge.Warn })
}

func compareService(baseline, canary []line) judge.Finding {
	c := compare.New(compare.Sides{Baseline: mined(baseline), Canary: mined(canary)}, compare.Options{})
	return c.Judge(judge.Sample{Signal: judge.Signal{Name: "logs"}})
}

func mined(lines []line) *mine.Miner {
	m := mine.New(mine.Options{})
	for i := range lines {
		l := &lines[i]
		logger, number, _ := strings.Cut(l.Logger, "#")
		site, _ := strconv.ParseUint(number, 10, 32) // 0 without
		m.Add(&logs.Record{
			Time: time.UnixMilli(1_600_000_000_000 + int64(1000*l.T)), Level: levels[l.Level],
			Logger: []byte(logger), Site: uint32(site), Trace: []byte(l.Trace), Message: []byte(l.Message),
		})
	}
	return m
}

// split is how cases.json writes who is the canary.
var split = regexp.MustCompile(`^canary when md5\("([^"]*):"\+trace\)\[0:8\] as hex %100 < ([0-9]+)$`)

// sides returns the lines of both sides by service.
func (w windows) sides(c nezhaCase) (baseline, canary map[string][]line, err error) {
	if c.Kind != "AA-concurrent" {
		if baseline, err = w.all(c.Baseline); err != nil {
			return nil, nil, err
		}
		canary, err = w.all(c.Canary)
		return baseline, canary, err
	}
	rule := split.FindStringSubmatch(c.Split)
	if rule == nil {
		return nil, nil, fmt.Errorf("a split that is not known: %q", c.Split)
	}
	salt := rule[1]
	share, err := strconv.ParseUint(rule[2], 10, 64)
	if err != nil {
		return nil, nil, fmt.Errorf("a split that is not known: %q: %w", c.Split, err)
	}
	pool, err := w.all(c.Pool)
	if err != nil {
		return nil, nil, err
	}
	baseline, canary = map[string][]line{}, map[string][]line{}
	for service, lines := range pool {
		for _, l := range lines {
			sum := md5.Sum([]byte(salt + ":" + l.Trace)) //nolint:gosec // see the import
			n, err := strconv.ParseUint(hex.EncodeToString(sum[:4]), 16, 64)
			if err != nil {
				return nil, nil, err
			}
			if n%100 < share {
				canary[service] = append(canary[service], l)
			} else {
				baseline[service] = append(baseline[service], l)
			}
		}
	}
	return baseline, canary, nil
}

func (w windows) all(names []string) (map[string][]line, error) {
	all := map[string][]line{}
	for k, name := range names {
		one, err := w.window(name)
		if err != nil {
			return nil, err
		}
		for service, lines := range one {
			for _, l := range lines {
				l.T += 3600 * float64(k) // windows lie apart
				all[service] = append(all[service], l)
			}
		}
	}
	return all, nil
}

func (w windows) window(name string) (map[string][]line, error) {
	if one, ok := w.read[name]; ok {
		return one, nil
	}
	one := map[string][]line{}
	err := eachLine(filepath.Join(w.dir, name+".jsonl.gz"), func(b []byte) error {
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			return err
		}
		one[l.Service] = append(one[l.Service], l)
		return nil
	})
	w.read[name] = one
	return one, err
}

// eachLine calls each for the lines of a .gz file.
func eachLine(path string, each func([]byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the data has no %s: %w", path, err)
		}
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		if err := each(lines.Bytes()); err != nil {
			return fmt.Errorf("%s line %d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
