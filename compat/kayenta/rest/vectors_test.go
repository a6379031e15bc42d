package rest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/compat/kayenta"
)

// vectorFile holds what Kayenta's compiled judge answers to many inputs. It is kept
// outside of the repository.
const vectorFile = "../../../../shared/data/kayenta/vectors-shared.jsonl"

// Kayenta's numbers come out of both ways to judge data, to the last bit: the remote
// judge, and stored data with a stored config.
func TestVectorsOverREST(t *testing.T) {
	file, err := os.Open(vectorFile)
	if err != nil {
		t.Skipf("Kayenta's vectors are not there: %v", err)
	}
	defer file.Close()
	w := newWorld(t, nil)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	n, failing, stored := 0, 0, 0
	for lines.Scan() {
		var v struct {
			ID    string
			Noise bool
			Input struct {
				CanaryConfig      map[string]any
				ScoreThresholds   map[string]any
				MetricSetPairList json.RawMessage
			}
			Expected struct {
				Result map[string]any
				Error  any
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		var raw struct{ Input json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &raw); err != nil {
			t.Fatal(err)
		}
		n++
		status, answer := w.call(t, http.MethodPost, "/judge", string(raw.Input))
		if v.Expected.Error != nil {
			failing++
			if status != http.StatusBadRequest || !strings.Contains(string(answer), `"message":"`) {
				t.Errorf("%s: %d %s", v.ID, status, answer)
			}
			continue
		}
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", v.ID, status, answer)
			continue
		}
		// The numbers of noise depend on a seed; those of the library are compared
		// with Kayenta's for the same one.
		request, err := kayenta.DecodeRequest(raw.Input)
		if err != nil {
			t.Fatal(err)
		}
		result, err := request.Judge(0)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(answer)); got != string(result.AppendJSON(nil)) {
			t.Errorf("%s: over REST %s", v.ID, got)
		}
		if !v.Noise {
			compare(t, v.ID, v.Expected.Result, answer)
		}
		if strings.Contains(string(raw.Input), ":null") {
			continue // storing drops what is null, and with it a null that counts as 0
		}
		// The same data, stored first.
		config := v.Input.CanaryConfig
		config["name"], config["applications"] = fmt.Sprintf("vector-%d", n), []string{"vectors"}
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		status, answer = w.call(t, http.MethodPost, "/canaryConfig", string(text))
		stored++
		var id struct{ CanaryConfigID, MetricSetPairListID string }
		if err := json.Unmarshal(answer, &id); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", v.ID, status, answer)
		}
		status, answer = w.call(t, http.MethodPost, "/metricSetPairList", string(v.Input.MetricSetPairList))
		if err := json.Unmarshal(answer, &id); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s", v.ID, status, answer)
		}
		status, answer = w.call(t, http.MethodPost, fmt.Sprintf("/judges/judge?canaryConfigId=%s&metricSetPairListId=%s&passThreshold=%v&marginalThreshold=%v",
			id.CanaryConfigID, id.MetricSetPairListID, v.Input.ScoreThresholds["pass"], v.Input.ScoreThresholds["marginal"]), "")
		if got := strings.TrimSpace(string(answer)); status != http.StatusOK || got != string(result.AppendJSON(nil)) {
			t.Errorf("%s: stored: %d %s", v.ID, status, got)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d vectors, %d of which must fail, %d judged from the store, too", n, failing, stored)
	if n < 300 || stored < 200 {
		t.Errorf("only %d vectors, %d stored", n, stored)
	}
}

// compare holds an answer against Kayenta's: groupScores in any order, all else as
// it is, numbers as equal doubles.
func compare(t *testing.T, id string, want map[string]any, answer []byte) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]any{want, got} {
		groups, _ := m["groupScores"].([]any)
		slices.SortFunc(groups, func(a, b any) int { return strings.Compare(fmt.Sprint(at(a, "name")), fmt.Sprint(at(b, "name"))) })
	}
	x, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(x) != string(y) {
		t.Errorf("%s:\n got %s\nwant %s", id, y, x)
	}
}
