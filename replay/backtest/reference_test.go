package backtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/judged-dev/judged/judge"
)

// FuzzDecode holds the decoder to encoding/json: what one reads the other reads,
// as the same case.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"label":"pass",` + oneMetric + `}`))
	f.Add([]byte(`{"label":"fail","injected":{"type":"dark","size":0.6},"metrics":[{"name":"\u00e9\ud800","kind":"counter","direction":"either","start":1,"baseline":[1.5e-3,null,12345678901234567890,0.1,-0],"canary":[4.9e-324]}]}`))
	f.Add([]byte(`{"label":"pass","metrics":[{"kind":"ratio","step_seconds":15,"baseline_pods":[[1,null],[2,3]],"canary_pods":[[]],"canary_pods_history":null}]}`))
	f.Add([]byte(`{"label":"pass","x":{"y":[1,true,"\\"]},"metrics":[{"kind":"ratio","baseline":[1],"canary":[1],"baseline_totals":[2],"canary_totals":[2]}]}`))
	f.Add([]byte(`{"l\u0061bel":"pass","metrics":[{"max":9007199254740993,"baseline":[0.00001234,1E+2],"canary":[]}],"id":null}`))
	if text, err := os.ReadFile(shopCases); err == nil {
		for line := range bytes.Lines(text[:8000]) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.Count(line, []byte("["))+bytes.Count(line, []byte("{")) > maxDepth {
			return // encoding/json nests deeper
		}
		var d Decoder
		var got Case
		err := d.Decode(line, &got)
		want, wantErr := reference(line)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, encoding/json says %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(*want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("-encoding/json +got:\n%s", diff)
		}
		// Whatever is read can be judged.
		for _, in := range Inputs(&got) {
			if s := in.Sample; len(s.Baseline.Values) != len(s.Canary.Values) {
				t.Errorf("arms of %d and %d points", len(s.Baseline.Values), len(s.Canary.Values))
			}
		}
	})
}

// member of an object, in the order of the text: encoding/json itself keeps only
// the last of two that have the same key.
type member struct {
	key   string
	value any
}

// reference decodes a case from the tokens of encoding/json.
func reference(line []byte) (*Case, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	root, err := tree(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	if !json.Valid(line) { // tokens do not need commas
		return nil, errors.New("not valid")
	}
	c := &Case{}
	fields, err := object(root, caseKeys)
	if err != nil {
		return nil, err
	}
	if fields["label"] == nil {
		return nil, errors.New("no label")
	}
	for key, v := range fields {
		switch key {
		case "id":
			c.ID, err = as[string](v)
		case "source":
			c.Source, err = as[string](v)
		case "service":
			c.Service, err = as[string](v)
		case "pairing":
			c.Pairing, err = as[string](v)
		case "family":
			c.Family, err = as[string](v)
		case "shape":
			c.Shape, err = as[string](v)
		case "window":
			c.Window, err = natural(v)
		case "m_asked":
			c.Asked, err = natural(v)
		case "label":
			c.Faulty, err = oneOf(v, map[string]bool{"pass": false, "fail": true})
		case "injected":
			c.Injected, err = referenceInjection(v)
		case "incident":
			var incident map[string]any
			if incident, err = object(v, incidentKeys); err == nil && incident["kind"] != nil {
				c.Incident, err = as[string](incident["kind"])
			}
		case "metrics":
			var list []any
			if list, err = as[[]any](v); err == nil {
				err = referenceMetrics(c, list)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return c, c.complete()
}

func referenceInjection(v any) (in Injection, err error) {
	fields, err := object(v, injectedKeys)
	for key, v := range fields {
		var err2 error
		switch key {
		case "type":
			in.Type, err2 = as[string](v)
		case "size":
			in.Size, err2 = as[float64](v)
		case "scope":
			in.Scope, err2 = as[string](v)
		}
		err = errors.Join(err, err2)
	}
	return in, err
}

func referenceMetrics(c *Case, list []any) error {
	if len(list) > MaxMetrics {
		return errors.New("too many metrics")
	}
	for _, v := range list {
		fields, err := object(v, metricKeys)
		if err != nil {
			return err
		}
		m := Metric{Max: math.NaN()}
		arms := map[string]*[]float64{
			"baseline": &m.Baseline, "canary": &m.Canary, "baseline_history": &m.BaselineHistory, "canary_history": &m.CanaryHistory,
			"baseline_totals": &m.BaselineTotals, "canary_totals": &m.CanaryTotals,
			"baseline_history_totals": &m.BaselineHistoryTotals, "canary_history_totals": &m.CanaryHistoryTotals,
		}
		pods := map[string]*[][]float64{
			"baseline_pods": &m.BaselinePods, "canary_pods": &m.CanaryPods,
			"baseline_pods_history": &m.BaselinePodsHistory, "canary_pods_history": &m.CanaryPodsHistory,
		}
		for key, v := range fields {
			switch key {
			case "name":
				m.Name, err = as[string](v)
			case "kind":
				m.Kind, err = oneOf(v, map[string]Kind{"gauge": Gauge, "latency": Latency, "ratio": Ratio, "counter": Counter})
			case "direction":
				m.Direction, err = oneOf(v, map[string]judge.Direction{"either": judge.Either, "increase": judge.Increase, "decrease": judge.Decrease})
			case "step_seconds":
				var s float64
				if s, err = as[float64](v); err == nil && (s < 0 || s*1e9 >= math.MaxInt64) {
					err = errors.New("not a duration")
				}
				m.Step = time.Duration(s * float64(time.Second))
			case "start":
				m.Start, err = as[float64](v)
			case "baseline_start":
				m.BaselineStart, err = as[float64](v)
			case "max":
				m.Max, err = as[float64](v)
			default:
				if to := arms[key]; to != nil {
					*to, err = referencePoints(v)
				} else {
					*pods[key], err = referencePods(v)
				}
			}
			if err != nil {
				return err
			}
		}
		if fields["start"] == nil {
			m.Start = m.BaselineStart
		} else if fields["baseline_start"] == nil {
			m.BaselineStart = m.Start
		}
		c.Metrics = append(c.Metrics, m)
	}
	return nil
}

func referencePoints(v any) ([]float64, error) {
	list, err := as[[]any](v)
	if err != nil || len(list) > MaxPoints {
		return nil, fmt.Errorf("no points: %w", err)
	}
	points := make([]float64, len(list))
	for i, v := range list {
		if points[i] = math.NaN(); v == nil {
			continue
		}
		if points[i], err = as[float64](v); err != nil {
			return nil, err
		}
	}
	return points, nil
}

func referencePods(v any) ([][]float64, error) {
	list, err := as[[]any](v)
	if err != nil || len(list) > MaxPods {
		return nil, fmt.Errorf("no pods: %w", err)
	}
	pods := make([][]float64, len(list))
	for i, v := range list {
		if pods[i], err = referencePoints(v); err != nil {
			return nil, err
		}
	}
	return pods, nil
}

// tree reads one value; objects keep the order and the duplicates.
func tree(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	object := []member{}
	list := []any{}
	for d.More() {
		var m member
		if delimiter == '{' {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			m.key, _ = key.(string)
		}
		if m.value, err = tree(d); err != nil {
			return nil, err
		}
		object, list = append(object, m), append(list, m.value)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if delimiter == '{' {
		return object, nil
	}
	return list, nil
}

// object returns the members with these keys that are not null.
func object(v any, keys []string) (map[string]any, error) {
	members, err := as[[]member](v)
	if err != nil {
		return nil, err
	}
	seen, out := map[string]bool{}, map[string]any{}
	for _, m := range members {
		if index(keys, []byte(m.key)) < 0 {
			continue
		}
		if seen[m.key] {
			return nil, errors.New("twice")
		}
		seen[m.key] = true
		if m.value != nil {
			out[m.key] = m.value
		}
	}
	return out, nil
}

func as[T any](v any) (T, error) {
	out, ok := v.(T)
	if !ok {
		return out, fmt.Errorf("%T is no %T", v, out)
	}
	return out, nil
}

func natural(v any) (int, error) {
	f, err := as[float64](v)
	if err != nil || f < 0 || f > math.MaxInt32 || f != math.Trunc(f) {
		return 0, fmt.Errorf("no count: %w", err)
	}
	return int(f), nil
}

func oneOf[T any](v any, choices map[string]T) (T, error) {
	s, err := as[string](v)
	choice, ok := choices[s]
	if err == nil && !ok {
		err = errors.New("no choice")
	}
	return choice, err
}
