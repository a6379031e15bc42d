package splunk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// form is the search for the events from one millisecond up to another: at most
// limit and one more, oldest first, with a last row that says how many rows came
// before it. An export that breaks off cannot be told from a whole one otherwise.
//
// The time's bounds are whole seconds, and the search itself keeps to the
// milliseconds: what the bounds do with fractions is not documented for every
// version. The time is asked for as a number, since exports write _time in the
// user's zone and with three digits.
func form(expr string, from, to int64, limit int) url.Values {
	search := "search " + expr +
		" | where _time>=" + epoch(from) + " AND _time<" + epoch(to) +
		" | head " + strconv.Itoa(limit+1) +
		" | eval judged_time=_time, judged_instance=coalesce('k8s.pod.name', pod_name, pod, host)" +
		" | sort 0 _time" +
		" | fields judged_time, judged_instance, _raw" +
		" | appendpipe [stats count AS judged_rows]"
	return url.Values{
		"search": {search}, "earliest_time": {strconv.FormatInt(from/1000, 10)}, "latest_time": {strconv.FormatInt((to+999)/1000, 10)},
		"output_mode": {"json"}, "preview": {"false"}, "adhoc_search_level": {"fast"},
	}
}

// epoch writes milliseconds as seconds.
func epoch(ms int64) string { return fmt.Sprintf("%d.%03d", ms/1000, ms%1000) }

// slice is what Splunk found in a slice of time.
type slice struct {
	events   []event
	warnings []string
	bytes    int // of the answer
	// more: there are more events than the slice may have, and these are the newest.
	more bool
}

type event struct {
	time          time.Time
	instance, raw string
}

// row is one of the JSON values that an export consists of.
type row struct {
	Result *struct {
		Time     text `json:"judged_time"`
		Instance text `json:"judged_instance"`
		Raw      text `json:"_raw"`
		Rows     text `json:"judged_rows"`
	} `json:"result"`
	Messages []message `json:"messages"`
	Preview  bool      `json:"preview"`
}

type message struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// text is a field's value: of several values the first.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var many []string
	if len(b) > 0 && b[0] == '[' {
		if err := json.Unmarshal(b, &many); err != nil {
			return err
		}
		if len(many) > 0 {
			*t = text(many[0])
		}
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// parse reads the export of the events from one millisecond up to another.
func parse(answer *httpx.Answer, from, to int64, limit int) (slice, error) {
	bad := func(format string, args ...any) (slice, error) {
		return slice{}, answer.Fail(metrics.BadAnswer, fmt.Sprintf(format, args...), nil, "does a proxy limit the answer's length, or the server the search's time?")
	}
	var out slice
	counted := -1
	for d, n := json.NewDecoder(bytes.NewReader(answer.Body)), 0; ; n++ {
		var r row
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if page, ok := htmlPage(answer.Body); ok && err != nil {
			return slice{}, answer.Fail(metrics.BadAnswer, page, err, "is this the address of a login page or proxy?")
		}
		if err != nil {
			return bad("row %d is not what an export has: %v: %s", n+1, err, answer.Body[:min(len(answer.Body), 16<<10)])
		}
		warnings, err := sorted(answer, r.Messages)
		if err != nil {
			return slice{}, err
		}
		out.warnings = append(out.warnings, warnings...)
		switch {
		case r.Preview || r.Result == nil:
		case counted >= 0:
			return bad("it goes on after its last row")
		case r.Result.Rows != "":
			if counted, err = strconv.Atoi(string(r.Result.Rows)); err != nil || counted != len(out.events) {
				return bad("it has %d events and says that there are %q", len(out.events), r.Result.Rows)
			}
		default:
			at, ok := parseEpoch(string(r.Result.Time))
			if !ok {
				return bad("event %d has the time %q, which is no number of seconds", len(out.events)+1, r.Result.Time)
			}
			out.events = append(out.events, event{at, string(r.Result.Instance), string(r.Result.Raw)})
		}
	}
	if counted < 0 {
		return bad("it ends after %d events without its last row", len(out.events))
	}
	out.more, out.bytes = counted > limit, len(answer.Body)
	// What is of another slice is delivered with that one.
	inside := out.events[:0]
	for _, e := range out.events {
		if ms := e.time.UnixMilli(); from <= ms && ms < to {
			inside = append(inside, e)
		}
	}
	out.events = inside
	return out, nil
}

// sorted returns the messages that warn, or the error that one of them means.
func sorted(answer *httpx.Answer, messages []message) (warnings []string, err error) {
	for _, m := range messages {
		partial := strings.Contains(strings.ToLower(m.Text), "incomplete")
		switch kind := strings.ToUpper(m.Type); {
		case partial:
			return nil, answer.Fail(metrics.Unavailable, "only part of the events was searched: "+m.Text, nil, "are all search peers up?")
		case kind == "FATAL", kind == "ERROR":
			return nil, answer.Fail(metrics.BadQuery, m.Text, nil, "try the query in Splunk's own search")
		case kind == "WARN":
			warnings = append(warnings, httpx.Printable(m.Text))
		}
	}
	return warnings, nil
}

// parseEpoch reads seconds with at most nine decimals.
func parseEpoch(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(fraction) > 9 || seconds < 0 || seconds > math.MaxInt64/int64(time.Second) {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(seconds, int64(nanos)).UTC(), true
}

var title = regexp.MustCompile(`(?is)<title[^>]*>([^<]{1,400})`)

// htmlPage recognises an HTML page and says which one it is: an export is many
// JSON values, which the client does not check.
func htmlPage(body []byte) (string, bool) {
	head := body[:min(len(body), 4<<10)]
	if !bytes.HasPrefix(bytes.TrimLeft(head, "\ufeff \t\r\n"), []byte("<")) {
		return "", false
	}
	if m := title.FindSubmatch(head); m != nil {
		return fmt.Sprintf("an HTML page, %q", httpx.Printable(html.UnescapeString(string(m[1])))), true
	}
	return "an HTML page", true
}
