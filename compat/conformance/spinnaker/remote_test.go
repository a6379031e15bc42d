package spinnaker_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// A Kayenta that stays and judges elsewhere (kayenta.remote-judge) gets of its data
// what judged finds in them itself, whichever judge its URL names.
func TestRemoteJudge(t *testing.T) {
	t.Parallel()
	server, _ := start(t, "")
	g, ctx := gate{callerOf(server)}, limited(t)
	for judge, base := range map[string][]string{netflix: {"", "judges/" + netflix + "/"}, ours: {"judges/" + ours + "/"}} {
		c := config(judge[:6], judge, 2, nil)
		execution, err := g.startCanary(ctx, stored(t, g.caller, c), request("v1", live.SlowIn(1)), "shop", live.Source, "judged")
		if err != nil {
			t.Fatal(err)
		}
		run := g.ended(t, "canary/"+execution)
		var pairs []json.RawMessage
		if err := g.do(ctx, http.MethodGet, "metricSetPairList/"+*run.PairList, url.Values{"accountName": {"judged"}}, nil, &pairs); err != nil {
			t.Fatal(err)
		}
		c["judge"] = map[string]any{"name": "RemoteJudge-v1.0", "judgeConfigurations": map[string]any{}}
		for _, at := range base {
			var result deckResult
			if err := g.do(ctx, http.MethodPost, at+"judge", nil, map[string]any{
				"canaryConfig": c, "scoreThresholds": map[string]any{"pass": 95.0, "marginal": 75.0}, "metricSetPairList": pairs,
			}, &result.JudgeResult); err != nil {
				t.Fatal(err)
			}
			if len(result.JudgeResult.Results) != 2 || !reflect.DeepEqual(result.JudgeResult, run.Result.JudgeResult) {
				t.Errorf("%sjudge: %+v, the canary has %+v", at, result.JudgeResult, run.Result.JudgeResult)
			}
		}
	}
}
