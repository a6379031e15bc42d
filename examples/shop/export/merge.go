package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"
)

// timedLine is a line and the time it is sorted by.
type timedLine struct {
	at   time.Time
	text []byte
}

// sorted returns the lines in the order of time; lines of the same time stay in the order they came.
func sorted(lines []timedLine) [][]byte {
	slices.SortStableFunc(lines, func(a, b timedLine) int { return a.at.Compare(b.at) })
	texts := make([][]byte, len(lines))
	for i, line := range lines {
		texts[i] = line.text
	}
	return texts
}

// mergeLogs returns the log lines of the window from all files, in the order of their field "time".
func mergeLogs(paths []string, w *window) ([][]byte, error) {
	var lines []timedLine
	err := eachLine(paths, func(line []byte) error {
		var record struct {
			Time time.Time `json:"time"`
		}
		if err := json.Unmarshal(line, &record); err != nil {
			return err
		}
		if w.contains(record.Time) {
			lines = append(lines, timedLine{record.Time, bytes.Clone(line)})
		}
		return nil
	})
	return sorted(lines), err
}

// spanIDs are the fields of a span the merge looks at; the rest passes through untouched.
type spanIDs struct {
	TraceID string `json:"traceId"`
	Start   string `json:"startTimeUnixNano"`
	End     string `json:"endTimeUnixNano"`
}

// exportRequest is an ExportTraceServiceRequest whose spans stay as they were written.
type exportRequest struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   json.RawMessage `json:"resource"`
	ScopeSpans []scopeSpans    `json:"scopeSpans"`
}

type scopeSpans struct {
	Scope json.RawMessage   `json:"scope"`
	Spans []json.RawMessage `json:"spans"`
}

// mergeSpans returns the requests of all files with the spans of the traces that lie in the window. A trace that
// crosses its border is dropped, so that every trace in the result is whole. Lines are in the order of their first span.
func mergeSpans(paths []string, w *window) ([][]byte, error) {
	outside := map[string]bool{} // traces
	err := eachSpan(paths, func(span spanIDs, start, end time.Time) {
		if !w.contains(start) || !w.contains(end) {
			outside[span.TraceID] = true
		}
	})
	if err != nil {
		return nil, err
	}
	var lines []timedLine
	err = eachLine(paths, func(line []byte) error {
		var request exportRequest
		if err := json.Unmarshal(line, &request); err != nil {
			return err
		}
		first := int64(math.MaxInt64)
		for i := range request.ResourceSpans {
			scopes := request.ResourceSpans[i].ScopeSpans
			for j := range scopes {
				var kept []json.RawMessage
				for _, raw := range scopes[j].Spans {
					var span spanIDs
					if err := json.Unmarshal(raw, &span); err != nil {
						return err
					}
					if outside[span.TraceID] {
						continue
					}
					start, err := nanoseconds(span.Start)
					if err != nil {
						return err
					}
					first = min(first, start.UnixNano())
					kept = append(kept, raw)
				}
				scopes[j].Spans = kept
			}
			request.ResourceSpans[i].ScopeSpans = slices.DeleteFunc(scopes, func(s scopeSpans) bool { return len(s.Spans) == 0 })
		}
		request.ResourceSpans = slices.DeleteFunc(request.ResourceSpans, func(r resourceSpans) bool { return len(r.ScopeSpans) == 0 })
		if len(request.ResourceSpans) == 0 {
			return nil
		}
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		lines = append(lines, timedLine{time.Unix(0, first), text})
		return nil
	})
	return sorted(lines), err
}

func eachSpan(paths []string, visit func(span spanIDs, start, end time.Time)) error {
	return eachLine(paths, func(line []byte) error {
		var request exportRequest
		if err := json.Unmarshal(line, &request); err != nil {
			return err
		}
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, raw := range scope.Spans {
					var span spanIDs
					if err := json.Unmarshal(raw, &span); err != nil {
						return err
					}
					start, err := nanoseconds(span.Start)
					if err != nil {
						return err
					}
					end, err := nanoseconds(span.End)
					if err != nil {
						return err
					}
					visit(span, start, end)
				}
			}
		}
		return nil
	})
}

func nanoseconds(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of a span: %w", err)
	}
	return time.Unix(0, n), nil
}

// eachLine visits the lines of all files. The line is valid during the visit only.
func eachLine(paths []string, visit func(line []byte) error) error {
	for _, path := range paths {
		if err := eachLineOf(path, visit); err != nil {
			return err
		}
	}
	return nil
}

func eachLineOf(path string, visit func(line []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<24) // a batch of spans is one line
	for number := 1; scanner.Scan(); number++ {
		if err := visit(scanner.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return scanner.Err()
}
