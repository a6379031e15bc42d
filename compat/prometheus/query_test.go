package prometheus

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"google.golang.org/protobuf/testing/protocmp"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

func TestParse(t *testing.T) {
	scopes := &judgedv1.Scopes{
		Baseline: &judgedv1.Scope{Variables: map[string]string{"version": "v1"}},
		Canary:   &judgedv1.Scope{Variables: map[string]string{"version": "v2", "pod_hash": "ab c"}},
	}
	for text, want := range map[string]query{
		"vector(1)":                                 {metric: one},
		" vector( 1 )\n":                            {metric: one},
		`judged_verdict{key="a/b"}`:                 {metric: verdict, key: "a/b"},
		`judged_score { key = 'a"b', }`:             {metric: score, key: `a"b`},
		"judged_score{key=`a\\b`}":                  {metric: score, key: `a\b`},
		`judged_score{key="\u00e9\t\xc3\xa9"}`:      {metric: score, key: "é\té"},
		`judged_verdict{config="shop",window="5m"}`: {metric: verdict, config: "shop", window: 5 * time.Minute},
		"judged_verdict{\n config=\"shop\", window='90s', baseline_version='v1', canary_version='v2',canary_pod_hash='ab c'\n}": {metric: verdict, config: "shop", window: 90 * time.Second, scopes: scopes},
	} {
		got, err := parse(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(query{}), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                   "cannot read the query \"\": understood are",
		"vector(2)":                                          "understood are",
		"up":                                                 "understood are",
		"judged_verdict":                                     "understood are",
		`up{key="a"}`:                                        "understood are",
		"judged_verdict{}":                                   "it needs the key of a running analysis, or a config and a window",
		`judged_verdict{key=""}`:                             "it needs the key",
		`judged_verdict{key="a"} > 0.5`:                      `something comes after the selector: "> 0.5"`,
		`judged_verdict{key="a"}[5m]`:                        "something comes after",
		`judged_verdict{key=~"a.*"}`:                         `label key: ="..." should follow`,
		`judged_verdict{key!="a"}`:                           `label key: ="..." should follow`,
		`judged_verdict{key="a`:                              "a string in quotes should come",
		`judged_verdict{key="a" config="b"`:                  "a comma or } should follow",
		`judged_verdict{key="a"`:                             "a comma or } should follow",
		`judged_verdict{key=a}`:                              "a string in quotes should come",
		`judged_verdict{key="\q"}`:                           "a string in quotes should come",
		`judged_verdict{key="\xff"}`:                         "not UTF-8",
		"judged_verdict{key=\"\xff\"}":                       "not UTF-8",
		`judged_verdict{,}`:                                  "a label's name, or }, should come",
		`judged_verdict{key="a",key="b"}`:                    "label key comes twice",
		`judged_verdict{key="a",config="b"}`:                 "with a key nothing else",
		`judged_verdict{config="b"}`:                         "it needs the key",
		`judged_verdict{config="b",window="5 min"}`:          "no time span",
		`judged_verdict{config="b",window="-5m"}`:            "no time span",
		`judged_verdict{config="b",window="5m",job="x"}`:     "there is no label job",
		`judged_verdict{config="b",window="5m",canary_="x"}`: "there is no label canary_",
		`judged_verdict{key="` + strings.Repeat("a", 16384) + `"}`: "at most 16384 are read",
	} {
		if q, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, error %v, want %q", text, q, err, want)
		}
	}
}

// What is understood at all means what it means to Prometheus.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"vector(1)", `judged_verdict{key="a/b"}`, "judged_score{key=`a\\b`,}", `judged_score{key="\u00e9\xc3\xa9\101\""}`,
		`judged_verdict{config='shop\'s',window="5m",baseline_version="v1",canary_version="v2"}`, `judged_verdict{key="a"} > 1`,
	} {
		f.Add(text)
	}
	theirs := parser.NewParser(parser.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parse(text)
		if err != nil || q.metric == one {
			return
		}
		expr, err := theirs.ParseExpr(text)
		if err != nil {
			t.Skipf("Prometheus does not read %q: %v", text, err)
		}
		selector, ok := expr.(*parser.VectorSelector)
		if !ok {
			t.Fatalf("%q is a %T", text, expr)
		}
		for _, m := range selector.LabelMatchers {
			if m.Type != labels.MatchEqual {
				t.Errorf("%q: %v", text, m)
			}
			side, variable, _ := strings.Cut(m.Name, "_")
			want := ""
			switch {
			case m.Name == model.MetricNameLabel:
				want = string(q.metric)
			case m.Name == "key":
				want = q.key
			case m.Name == "config":
				want = q.config
			case m.Name == "window":
				want = m.Value
			case side == "baseline":
				want = q.scopes.GetBaseline().GetVariables()[variable]
			case side == "canary":
				want = q.scopes.GetCanary().GetVariables()[variable]
			}
			if m.Value != want {
				t.Errorf("%q: %s is %q here, %q there", text, m.Name, want, m.Value)
			}
		}
	})
}
