package kayenta

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// vectorFolder holds what Kayenta's compiled classes answer to many inputs. It
// is kept outside of the repository.
const vectorFolder = "../../../shared/data/kayenta/"

// vectorSeed is the seed of java.util.Random with which the vectors' noise was
// made.
const vectorSeed = 12345

type vector struct {
	ID          string
	Tags        []string
	Noise       bool
	NoiseStable bool
	NoiseRange  map[string]map[string][2]number
	Input       json.RawMessage
	Expected    struct {
		Result  any
		Details []details
		Error   *struct{ Message string }
	}
}

// details are numbers that Kayenta does not report.
type details struct {
	NControl, NExperiment                      int
	Path                                       string
	Noise                                      bool
	LowerConfidence, UpperConfidence, Estimate *number
	Deviation, EffectSize, Bound               *number
	Error                                      string
}

type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = number(v)
	return err
}

func readVectors(tb testing.TB) []vector { return readVectorFile[vector](tb, "vectors-shared.jsonl") }

// readVectorFile reads one vector a line.
func readVectorFile[T any](tb testing.TB, name string) []T {
	file, err := os.Open(vectorFolder + name)
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skipf("Kayenta's vectors are not here: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var vectors []T
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			tb.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return vectors
}

// request returns the vector's input as a line with its id.
func (v vector) request() string {
	var line bytes.Buffer
	if err := json.Compact(&line, v.Input); err != nil {
		panic(err)
	}
	return `{"id":"` + v.ID + `",` + line.String()[1:]
}

// TestVectors sends all vectors through JudgeLines and compares all of each
// answer with ==.
func TestVectors(t *testing.T) {
	vectors := readVectors(t)
	var in, out bytes.Buffer
	for _, v := range vectors {
		in.WriteString(v.request() + "\n")
	}
	if err := JudgeLines(context.Background(), &in, &out, LinesOptions{Seed: vectorSeed}); err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(answers) != len(vectors) {
		t.Fatalf("%d answers to %d requests", len(answers), len(vectors))
	}
	cases, exact := map[string]int{}, map[string]int{}
	for i, v := range vectors {
		kind := "without noise"
		switch {
		case v.Expected.Error != nil:
			kind = "errors"
		case v.Noise:
			kind = "with noise"
		}
		cases[kind]++
		if t.Run(v.ID+" "+strings.Join(v.Tags, " "), func(t *testing.T) { checkAnswer(t, v, answers[i]) }) {
			exact[kind]++
		}
	}
	for _, kind := range []string{"without noise", "with noise", "errors"} {
		t.Logf("%s: %d vectors, %d equal", kind, cases[kind], exact[kind])
	}
}

func checkAnswer(t *testing.T, v vector, line string) {
	var answer struct {
		ID     string
		Result any
		Error  string
	}
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if answer.ID != v.ID {
		t.Fatalf("answer to %q, want %q", answer.ID, v.ID)
	}
	if v.Expected.Error != nil {
		if answer.Error == "" || answer.Result != nil {
			t.Fatalf("judged, want an error like %q: %s", v.Expected.Error.Message, line)
		}
		t.Logf("Kayenta: %s\n\tjudged: %s", v.Expected.Error.Message, answer.Error)
		return
	}
	if answer.Result == nil {
		t.Fatalf("got %s", line)
	}
	same(t, "result", answer.Result, v.Expected.Result)
	checkDetails(t, v)
}

// same compares decoded JSON: objects by name, lists in order, numbers by their
// bits: 0.0 is not -0.0.
func same(t *testing.T, path string, got, want any) {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v, want an object", path, got)
			return
		}
		for name := range want {
			if _, ok := got[name]; !ok {
				t.Errorf("%s.%s is missing", path, name)
				continue
			}
			same(t, path+"."+name, got[name], want[name])
		}
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s.%s is %v, want none", path, name, got[name])
			}
		}
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			t.Errorf("%s: %v, want %v", path, got, want)
			return
		}
		for i := range want {
			same(t, path+"["+strconv.Itoa(i)+"]", got[i], want[i])
		}
	case float64:
		if got, ok := got.(float64); !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	default:
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// checkDetails compares the numbers behind the answer, and those with noise
// also with the range that Kayenta's have over many seeds.
func checkDetails(t *testing.T, v vector) {
	r, err := DecodeRequest(v.Input)
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Judge(vectorSeed)
	if err != nil {
		t.Fatal(err)
	}
	other, err := r.Judge(vectorSeed + 1)
	if err != nil {
		t.Fatal(err)
	}
	if v.Noise && v.NoiseStable && other.Score != result.Score {
		t.Errorf("the score depends on the seed: %v and %v", result.Score, other.Score)
	}
	for i, d := range v.Expected.Details {
		got := result.Results[i]
		if got.Experiment.Count != d.NExperiment || got.Control.Count != d.NControl {
			t.Errorf("result %d: %d and %d values, want %d and %d", i, got.Experiment.Count, got.Control.Count, d.NExperiment, d.NControl)
		}
		c := got.Comparison
		if (c != nil) != (d.LowerConfidence != nil) {
			t.Errorf("result %d: comparison %+v, want %+v", i, c, d)
			continue
		}
		if c == nil {
			continue
		}
		values := map[string]float64{
			"lowerConfidence": c.Lower, "upperConfidence": c.Upper, "estimate": c.Estimate,
			"deviation": got.Ratio, "effectSize": c.Effect, "bound": c.Bound,
		}
		for name, want := range map[string]*number{
			"lowerConfidence": d.LowerConfidence, "upperConfidence": d.UpperConfidence, "estimate": d.Estimate,
			"deviation": d.Deviation, "effectSize": d.EffectSize, "bound": d.Bound,
		} {
			g, w := values[name], float64(*want)
			if g != w && !(math.IsNaN(g) && math.IsNaN(w)) {
				t.Errorf("result %d: %s is %v, want %v", i, name, g, w)
			}
		}
		if c.Noise != d.Noise {
			t.Errorf("result %d: noise is %v, want %v", i, c.Noise, d.Noise)
		}
		oc := other.Results[i].Comparison
		for name, limits := range v.NoiseRange[strconv.Itoa(i)] {
			if !v.NoiseStable || oc == nil {
				continue
			}
			g := map[string]float64{
				"lowerConfidence": oc.Lower, "upperConfidence": oc.Upper, "estimate": oc.Estimate,
				"deviation": other.Results[i].Ratio, "effectSize": oc.Effect,
			}[name]
			// The range is that of some seeds, not of all.
			slack := float64(limits[1] - limits[0])
			if g < float64(limits[0])-slack || g > float64(limits[1])+slack {
				t.Errorf("result %d with another seed: %s is %v, want within %v", i, name, g, limits)
			}
		}
	}
}
