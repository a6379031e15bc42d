package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// maxSamples bounds a file of samples: a thousand signals of ten thousand
// points have some hundred megabytes.
const maxSamples = 512 << 20

// ParseSamples reads samples to judge: a JudgeRequest as JSON or YAML
// (missing values are null), or CSV as ParseCSV describes. The format is
// recognised by the first character: JSON begins with a brace.
func ParseSamples(r io.Reader, path string) (*judgedv1.JudgeRequest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSamples+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > maxSamples {
		return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s has more than %d bytes", path, maxSamples)}}
	}
	trimmed := strings.TrimLeft(string(text[:min(len(text), 4096)]), "\ufeff \t\r\n")
	switch {
	case trimmed == "":
		return nil, &ParseError{Path: path, Problems: []string{path + " is empty: expected samples as JSON or CSV (see judged judge --help)"}}
	case trimmed[0] == '{', strings.HasPrefix(trimmed, "signals:"):
		message := &judgedv1.JudgeRequest{}
		return message, parseLimited(text, path, message, maxSamples)
	default:
		return ParseCSV(strings.NewReader(string(text)), path)
	}
}

// columns of a CSV, by the end of their name.
var csvColumns = map[string]func(*judgedv1.SignalSamples) *[]float64{
	"baseline":       func(s *judgedv1.SignalSamples) *[]float64 { return &s.Baseline.Values },
	"canary":         func(s *judgedv1.SignalSamples) *[]float64 { return &s.Canary.Values },
	"baseline_total": func(s *judgedv1.SignalSamples) *[]float64 { return &s.Baseline.Totals },
	"canary_total":   func(s *judgedv1.SignalSamples) *[]float64 { return &s.Canary.Totals },
}

// ParseCSV reads one interval a row, in order. Columns are named
// SIGNAL.baseline, SIGNAL.canary and, for events out of a total,
// SIGNAL.baseline_total, SIGNAL.canary_total; with a single signal
// "baseline", "canary" and so on. A column "time" is allowed and not used.
// An empty cell is a missing value.
func ParseCSV(r io.Reader, path string) (*judgedv1.JudgeRequest, error) {
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	reader.TrimLeadingSpace = true
	header, err := reader.Read()
	if err != nil {
		return nil, csvError(path, err)
	}
	header = slices.Clone(header) // the reader reuses its record
	request := &judgedv1.JudgeRequest{}
	targets := make([]*[]float64, len(header))
	bySignal := map[string]*judgedv1.SignalSamples{}
	taken := map[*[]float64]bool{}
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if name == "time" {
			continue
		}
		signal, side := "", name
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
			signal, side = name[:dot], name[dot+1:]
		}
		column, ok := csvColumns[side]
		if !ok {
			return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf(
				"%s:1: column %d is called %q: expected SIGNAL.baseline, SIGNAL.canary, SIGNAL.baseline_total, SIGNAL.canary_total or time", path, i+1, name)}}
		}
		if signal == "" {
			signal = "signal"
		}
		s := bySignal[signal]
		if s == nil {
			s = &judgedv1.SignalSamples{Name: signal, Baseline: &judgedv1.Samples{}, Canary: &judgedv1.Samples{}}
			bySignal[signal] = s
			request.Signals = append(request.Signals, s)
		}
		targets[i] = column(s)
		if taken[targets[i]] {
			return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s:1: column %q is given twice", path, name)}}
		}
		taken[targets[i]] = true
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(path, err)
		}
		for i, cell := range record {
			if targets[i] == nil {
				continue
			}
			v, err := cellValue(cell)
			if err != nil {
				line, column := reader.FieldPos(i)
				return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s:%d:%d column %s: %v", path, line, column, header[i], err)}}
			}
			*targets[i] = append(*targets[i], v)
		}
	}
	for _, s := range request.GetSignals() {
		if !taken[&s.Baseline.Values] || !taken[&s.Canary.Values] {
			return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s:1: signal %q needs both a baseline and a canary column", path, s.GetName())}}
		}
		if taken[&s.Baseline.Totals] != taken[&s.Canary.Totals] {
			return nil, &ParseError{Path: path, Problems: []string{fmt.Sprintf("%s:1: signal %q has a total on one side only", path, s.GetName())}}
		}
	}
	return request, validate(request, path)
}

func cellValue(cell string) (float64, error) {
	cell = strings.TrimSpace(cell)
	switch strings.ToLower(cell) {
	case "", "null", "nan", "na":
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is no number", cell)
	}
	return v, nil
}

func csvError(path string, err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty")
	}
	return &ParseError{Path: path, Problems: []string{path + ": " + err.Error()}}
}

// readNulls lets a file write a missing value, or histogram, as null.
func readNulls(node *yaml.Node) {
	for i := 1; i < len(node.Content); i += 2 {
		for _, v := range node.Content[i].Content {
			switch {
			case v.Tag != "!!null":
			case node.Content[i-1].Value == "histograms":
				v.Kind, v.Tag, v.Value = yaml.MappingNode, "!!map", ""
			default:
				v.Value, v.Tag = "NaN", "!!float"
			}
		}
	}
}
