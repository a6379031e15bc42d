package kayenta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// withID returns simple as a line with the JSON text of an id.
func withID(id, settings string) string {
	return `{"id":` + id + `,` + simple(settings)[1:] + "\n"
}

type answer struct {
	ID     json.RawMessage
	Result json.RawMessage
	Error  string
}

func answersTo(t *testing.T, in io.Reader, o LinesOptions) []answer {
	t.Helper()
	var out bytes.Buffer
	if err := JudgeLines(context.Background(), in, &out, o); err != nil {
		t.Fatal(err)
	}
	var answers []answer
	for line := range strings.Lines(out.String()) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		answers = append(answers, a)
	}
	return answers
}

func TestJudgeLines(t *testing.T) {
	in := withID(`1`, `{}`) +
		"\n \r\n" + // lines 2 and 3
		withID(`"two"`, `{"critical":1}`) +
		"not JSON\n" +
		`{"id":[6,{"a":null}],"canaryConfig":{}` + "\n" +
		`{"id":7}` + "\n" +
		strings.TrimSuffix(withID(`{"x" : 1.50}`, `{}`), "\n")
	want := []struct{ id, err string }{
		{`1`, ""},
		{`"two"`, "line 4: canaryConfig.metrics[0].analysisConfigurations.canary.critical is the number 1"},
		{``, "line 5: not valid JSON at byte 0"},
		{`[6,{"a":null}]`, "line 6: not valid JSON at byte 38"},
		{`7`, "line 7: canaryConfig is missing"},
		{`{"x" : 1.50}`, ""},
	}
	for name, reader := range map[string]io.Reader{
		"at once":     strings.NewReader(in),
		"by the byte": iotest.OneByteReader(strings.NewReader(in)),
	} {
		answers := answersTo(t, reader, LinesOptions{})
		if len(answers) != len(want) {
			t.Fatalf("%s: %d answers, want %d", name, len(answers), len(want))
		}
		for i, w := range want {
			a := answers[i]
			if string(a.ID) != w.id || !strings.HasPrefix(a.Error, w.err) || (a.Error == "") != (w.err == "") || (a.Result == nil) != (w.err != "") {
				t.Errorf("%s: answer %d is %s %q %.40s, want %+v", name, i, a.ID, a.Error, a.Result, w)
			}
		}
	}
}

// TestOrder checks that answers are in the order of requests however long each
// takes.
func TestOrder(t *testing.T) {
	var in strings.Builder
	for i := range 500 {
		id := fmt.Sprintf(`{"id":%d,`, i)
		if i%7 == 0 {
			in.WriteString(id + string(body(500))[1:] + "\n")
		} else {
			in.WriteString(id + simple(`{}`)[1:] + "\n")
		}
	}
	for _, workers := range []int{0, 1, 8} {
		answers := answersTo(t, strings.NewReader(in.String()), LinesOptions{Workers: workers})
		for i, a := range answers {
			if string(a.ID) != fmt.Sprint(i) || a.Error != "" {
				t.Fatalf("%d workers: answer %d is %s %s", workers, i, a.ID, a.Error)
			}
		}
		if len(answers) != 500 {
			t.Errorf("%d workers: %d answers", workers, len(answers))
		}
	}
}

// endless is a line that never ends, up to size bytes.
type endless struct{ size int }

func (e *endless) Read(b []byte) (int, error) {
	n := min(len(b), e.size)
	if e.size -= n; n == 0 {
		return 0, io.EOF
	}
	for i := range b[:n] {
		b[i] = ' '
	}
	return n, nil
}

func TestLongLines(t *testing.T) {
	const limit = 100_000
	exact := simple(`{}`)
	exact += strings.Repeat(" ", limit-len(exact))
	in := io.MultiReader(
		strings.NewReader(exact+"\n"+exact+" \n"),
		&endless{1 << 28}, strings.NewReader("\n"+withID(`4`, `{}`)),
		&endless{limit + 1},
	)
	answers := answersTo(t, in, LinesOptions{MaxLine: limit})
	var got []string
	for _, a := range answers {
		got = append(got, a.Error)
	}
	tooLong := "line %d: the line is too long: more than 100000 bytes"
	want := []string{"", fmt.Sprintf(tooLong, 2), fmt.Sprintf(tooLong, 3), "", fmt.Sprintf(tooLong, 5)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFlush checks that an answer does not wait for the next request.
func TestFlush(t *testing.T) {
	inReader, in := io.Pipe()
	out, outWriter := io.Pipe()
	result := make(chan error)
	go func() {
		result <- JudgeLines(context.Background(), inReader, outWriter, LinesOptions{})
	}()
	answers := json.NewDecoder(out)
	for i := range 3 {
		fmt.Fprint(in, withID(fmt.Sprint(i), `{}`))
		var a answer
		if err := answers.Decode(&a); err != nil || string(a.ID) != fmt.Sprint(i) {
			t.Fatalf("answer %d: %+v, %v", i, a, err)
		}
	}
	in.Close()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestStreamErrors(t *testing.T) {
	broken := errors.New("broken")
	request := withID(`1`, `{}`)

	var out bytes.Buffer
	err := JudgeLines(context.Background(), io.MultiReader(strings.NewReader(request), iotest.ErrReader(broken)), &out, LinesOptions{})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("reading: %v", err)
	}
	if !strings.HasPrefix(out.String(), `{"id":1,"result"`) {
		t.Errorf("the answer to what was read is %q", out.String())
	}

	pipe, writer := io.Pipe()
	pipe.CloseWithError(broken)
	err = JudgeLines(context.Background(), strings.NewReader(strings.Repeat(request, 1000)), writer, LinesOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in, _ := io.Pipe() // never gives anything
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := JudgeLines(ctx, in, io.Discard, LinesOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	// An endless stream ends as well.
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := JudgeLines(ctx, &repeated{text: withID(`1`, `{}`)}, io.Discard, LinesOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

type repeated struct {
	text string
	rest string
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.rest == "" {
		r.rest = r.text
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// FuzzLines checks that every line that is not empty has one answer.
func FuzzLines(f *testing.F) {
	f.Add([]byte(withID(`1`, `{}`) + "\nx\n" + withID(`2`, `{"critical":1}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 10_000 {
			return
		}
		lines := 0
		for line := range bytes.Lines(data) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		var out bytes.Buffer
		if err := JudgeLines(context.Background(), bytes.NewReader(data), &out, LinesOptions{MaxLine: 10_000}); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(out.Bytes()) {
			lines--
			if !json.Valid(line) {
				t.Fatalf("%s is not JSON", line)
			}
		}
		if lines != 0 {
			t.Fatalf("%d answers are missing", lines)
		}
	})
}
