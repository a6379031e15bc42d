package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/template"
)

// groupingReport says how well templates agree with the statements that wrote
// the lines.
type groupingReport struct {
	Loghub   loghubReport  `json:"loghub-2k"`
	Callsite groupingScore `json:"callsite"`
}

type loghubReport struct {
	groupingScore // the mean over sets

	Sets map[string]groupingScore `json:"sets"`
}

// groupingScore compares a partition of lines with the true one. A group is right
// if it holds exactly the lines of a true group.
type groupingScore struct {
	// GA, grouping accuracy, is the share of lines in right groups (Zhu et al.,
	// Tools and benchmarks for automated log parsing, 2019).
	GA float64 `json:"ga"`
	// FGA is the F1 score over groups, which does not let the most frequent
	// statements decide (Jiang et al., A large-scale evaluation for log parsing
	// techniques, 2024).
	FGA float64 `json:"fga"`
}

// labelledLine is a line and the statement that wrote it.
type labelledLine struct {
	truth   string
	level   logs.Level
	logger  string
	message string
}

// grouper assigns each line a group; names of groups are arbitrary.
type grouper func([]labelledLine) []int

// grouping measures templates on loghub-2k (content, corrected labels, Khan et
// al., 2022) and on lines whose call site is known, below dir.
func grouping(dir string, group grouper) (groupingReport, error) {
	r := groupingReport{Loghub: loghubReport{Sets: map[string]groupingScore{}}}
	files, err := filepath.Glob(filepath.Join(dir, "loghub-2k", "*.tsv.gz"))
	if err != nil || len(files) == 0 {
		return r, fmt.Errorf("read %s: no loghub-2k/*.tsv.gz there: name the folder that holds it", dir)
	}
	for _, file := range files {
		lines, err := readLabelled(file, "event_corr", "content")
		if err != nil {
			return r, err
		}
		s := score(lines, group(lines))
		r.Loghub.Sets[strings.TrimSuffix(filepath.Base(file), ".tsv.gz")] = s
		r.Loghub.GA += s.GA / float64(len(files))
		r.Loghub.FGA += s.FGA / float64(len(files))
	}
	// Each release of the data is a folder, named by its year.
	files, err = filepath.Glob(filepath.Join(dir, "trainticket-callsite*", "lines.tsv.gz"))
	if err != nil || len(files) == 0 {
		return r, fmt.Errorf("read %s: no trainticket-callsite*/lines.tsv.gz there: name the folder that holds it", dir)
	}
	for _, file := range files {
		lines, err := readLabelled(file, "callsite", "message")
		if err != nil {
			return r, err
		}
		s := score(lines, group(lines))
		r.Callsite.GA += s.GA / float64(len(files))
		r.Callsite.FGA += s.FGA / float64(len(files))
	}
	return r, nil
}

// maxLabelledLine bounds a line of a labelled file, in bytes.
const maxLabelledLine = 1 << 20

// readLabelled reads a compressed table whose first line names its columns. Its
// fields are divided by tabs and not quoted.
func readLabelled(file, truth, message string) ([]labelledLine, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, maxLabelledLine)
	if !in.Scan() {
		return nil, fmt.Errorf("read %s: no first line: %w", file, cmpErr(in.Err()))
	}
	columns := map[string]int{}
	for i, name := range strings.Split(in.Text(), "\t") {
		columns[name] = i
	}
	for _, name := range []string{truth, message} {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Errorf("read %s: there is no column %q in %q", file, name, in.Text())
		}
	}
	var lines []labelledLine
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		if len(fields) != len(columns) {
			return nil, fmt.Errorf("read %s, line %d: %d fields, the first line has %d", file, len(lines)+2, len(fields), len(columns))
		}
		line := labelledLine{truth: fields[columns[truth]], message: fields[columns[message]]}
		if i, ok := columns["logger"]; ok {
			line.logger = fields[i]
		}
		if i, ok := columns["level"]; ok {
			line.level = levels[fields[i]]
		}
		lines = append(lines, line)
	}
	return lines, in.Err()
}

var levels = map[string]logs.Level{"DEBUG": logs.Debug, "INFO": logs.Info, "WARN": logs.Warn, "ERROR": logs.Error}

func cmpErr(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// templates groups lines by their template, as judged does.
func templates(lines []labelledLine) []int {
	var s template.Scanner
	var skeletons []template.Skeleton
	index := map[uint64]int{}
	of := make([]int, len(lines))
	for i, line := range lines {
		s.Scan([]byte(line.message))
		id := template.Mix(s.Hash(), line.level, []byte(line.logger))
		k, known := index[id]
		if !known {
			k = len(skeletons)
			index[id] = k
			skeletons = append(skeletons, template.Skeleton{Text: string(s.AppendText(nil)), Level: line.level, Logger: line.logger, Cut: s.Cut()})
		}
		of[i] = k
	}
	group := make([]int, len(skeletons))
	for g, t := range template.Merge(skeletons) {
		for _, k := range t.Members {
			group[k] = g
		}
	}
	for i, k := range of {
		of[i] = group[k]
	}
	return of
}

// score compares groups of lines with the truth.
func score(lines []labelledLine, groups []int) groupingScore {
	truth, predicted := map[string]int{}, map[int]int{}
	type pair struct {
		truth string
		group int
	}
	both := map[pair]int{}
	for i, line := range lines {
		truth[line.truth]++
		predicted[groups[i]]++
		both[pair{line.truth, groups[i]}]++
	}
	right, covered := 0, 0
	for p, n := range both {
		if truth[p.truth] == n && predicted[p.group] == n {
			right++
			covered += n
		}
	}
	if len(lines) == 0 {
		return groupingScore{}
	}
	// Precision right/predicted, recall right/truth: F1 is their harmonic mean.
	return groupingScore{GA: float64(covered) / float64(len(lines)), FGA: 2 * float64(right) / float64(len(truth)+len(predicted))}
}
