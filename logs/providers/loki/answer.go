package loki

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// maxWarnings bounds what is kept of the warnings of many pages.
const maxWarnings = 20

// answer is one page, in the order of time.
type answer struct {
	entries  []entry
	warnings []string
	// full: it has as many lines as were asked for, so there may be more.
	full  bool
	bytes int
}

func (a answer) first() int64 {
	if len(a.entries) == 0 {
		return 0
	}
	return a.entries[0].at
}

func (a answer) last() int64 {
	if len(a.entries) == 0 {
		return 0
	}
	return a.entries[len(a.entries)-1].at
}

// entry is a line and what is known of it.
type entry struct {
	stream *stream
	at     int64 // ns since 1970
	line   string
	more   []byte // labels of this line alone, as they came
	// own are the labels in more, and parsed those that the query took out of
	// the line.
	own, parsed map[string]string
	// bad says what is wrong with it. It is no error of the decoding: the answer to
	// another kind of query has other values.
	bad string
}

type stream struct {
	Labels map[string]string `json:"stream"`
	Values []entry           `json:"values"`
}

// decodeAnswer reads a page.
func decodeAnswer(got *httpx.Answer) (answer, error) {
	var said struct {
		Status   string   `json:"status"`
		Warnings []string `json:"warnings"`
		Data     struct {
			Type   string   `json:"resultType"`
			Result []stream `json:"result"`
		} `json:"data"`
	}
	err := json.Unmarshal(got.Body, &said) // which goes on after a value of the wrong type
	switch {
	case said.Status != "success":
		return answer{}, badAnswer(fmt.Sprintf("the answer's status is %q, not \"success\"", httpx.Printable(said.Status)))
	case said.Data.Type == "matrix" || said.Data.Type == "vector" || said.Data.Type == "scalar":
		return answer{}, &metrics.Error{
			Op: "query", Reason: metrics.BadQuery, Err: errors.New("the query computes numbers, a " + said.Data.Type + ", and no lines"),
			Hint: `leave out functions such as rate and count_over_time: {app="checkout"} |= "order"`,
		}
	case err != nil:
		return answer{}, badAnswer("the answer has another shape than Loki documents: " + httpx.Printable(err.Error()))
	case said.Data.Type != "streams":
		return answer{}, badAnswer(fmt.Sprintf("the answer holds %q, not streams", httpx.Printable(said.Data.Type)))
	}
	out := answer{}
	for _, w := range said.Warnings {
		out.warnings = append(out.warnings, httpx.Printable(w))
	}
	n := 0
	for i := range said.Data.Result {
		n += len(said.Data.Result[i].Values)
	}
	out.entries = make([]entry, 0, n)
	for i := range said.Data.Result {
		s := &said.Data.Result[i]
		for _, e := range s.Values {
			if e.bad != "" {
				return answer{}, badAnswer("a line of the answer is not " + e.bad)
			}
			e.stream = s
			out.entries = append(out.entries, e)
		}
	}
	slices.SortStableFunc(out.entries, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

const valueShape = `["time in nanoseconds", "text"], with labels behind it or without`

// UnmarshalJSON keeps what is wrong with a value.
func (e *entry) UnmarshalJSON(b []byte) error {
	e.bad = e.take(b)
	return nil
}

// take reads a value: [time, line], and the line's own labels if it has any. A
// page has thousands; they are taken apart by their quotes. It returns what a value
// should be that is not.
func (e *entry) take(b []byte) string {
	at, rest, ok := cutText(bytes.TrimLeft(b, "[ \t\r\n"))
	if !ok {
		return valueShape
	}
	var err error
	if e.at, err = strconv.ParseInt(at, 10, 64); err != nil {
		return "dated in nanoseconds, but at " + strconv.Quote(httpx.Printable(at))
	}
	if e.line, rest, ok = cutText(bytes.TrimLeft(rest, ", \t\r\n")); !ok {
		return valueShape
	}
	if rest = bytes.Trim(rest, ",] \t\r\n"); len(rest) == 0 {
		return ""
	}
	var labels struct {
		Own    map[string]string `json:"structuredMetadata"`
		Parsed map[string]string `json:"parsed"`
	}
	if json.Unmarshal(rest, &labels) != nil {
		return valueShape
	}
	e.more, e.own, e.parsed = bytes.Clone(rest), labels.Own, labels.Parsed
	return ""
}

// cutText cuts a JSON string off the front of a valid JSON text.
func cutText(b []byte) (text string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return "", b, false
	}
	for end, escaped := 1, false; end < len(b); end++ {
		switch b[end] {
		case '\\':
			end, escaped = end+1, true
		case '"':
			if !escaped && utf8.Valid(b[1:end]) {
				return string(b[1:end]), b[end+1:], true
			}
			err := json.Unmarshal(b[:end+1], &text)
			return text, b[end+1:], err == nil
		}
	}
	return "", b, false
}

// label returns the first label that there is of the names.
func (e *entry) label(names []string) string {
	for _, name := range names {
		if v := cmp.Or(e.own[name], e.stream.Labels[name], e.parsed[name]); v != "" {
			return v
		}
	}
	return ""
}

// id tells the line from all others of its moment: Loki itself keeps one of
// several lines with the same time, labels and text.
func (e *entry) id() string {
	h := sha256.New()
	labels, err := json.Marshal(e.stream.Labels) // sorted by name
	if err != nil {
		panic("loki: labels are strings: " + err.Error())
	}
	for _, part := range [][]byte{labels, e.more, []byte(e.line)} {
		h.Write(strconv.AppendInt(nil, int64(len(part)), 10))
		h.Write([]byte{' '})
		h.Write(part)
	}
	return string(h.Sum(nil)[:16])
}
