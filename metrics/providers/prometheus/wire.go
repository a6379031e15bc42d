package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/prometheus/client_golang/api"

	"github.com/judged-dev/judged/internal/httpx"
	"github.com/judged-dev/judged/metrics"
)

// wire is the api.Client of client_golang over httpx. It hands back errors
// together with the response, so that client_golang sees a 403, 405 or 501
// and tries GET where POST is not allowed.
type wire struct{ client *httpx.Client }

var _ api.Client = wire{}

// URL implements api.Client. No endpoint used here has arguments in its path.
func (w wire) URL(endpoint string, _ map[string]string) *url.URL {
	return w.client.URL(endpoint, wholeAnswers)
}

// Do implements api.Client.
func (w wire) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	req = httpx.Reads(req.WithContext(ctx))
	if req.Method == http.MethodPost {
		// client_golang sends the parameters of URL in the form already.
		req.URL.RawQuery = w.client.URL("", nil).RawQuery
	}
	answer, err := w.client.Do(req)
	var resp *http.Response
	if answer != nil {
		resp = &http.Response{StatusCode: answer.Status, Header: answer.Header}
	}
	if err != nil {
		return resp, nil, err
	}
	if isPartial(answer.Body) {
		return resp, nil, answer.Fail(metrics.Unavailable, "the answer is partial: not all stores could be read", errPartial, "")
	}
	if countSeries(answer.Body, maxSeries) > maxSeries {
		return resp, nil, tooManySeries()
	}
	return resp, answer.Body, nil
}

var errPartial = errors.New("partial answer")

// isPartial finds VictoriaMetrics' mark of an answer that misses data, which
// it puts before the data.
func isPartial(body []byte) bool {
	head, _, _ := bytes.Cut(body[:min(len(body), 200)], []byte(`"data"`))
	return bytes.Contains(head, []byte(`"isPartial":true`))
}

// explain reads Prometheus' error answer:
// {"status":"error","errorType":"bad_data","error":"..."}.
func explain(status int, body []byte) httpx.Explanation {
	var said struct {
		ErrorType string `json:"errorType"`
		Error     string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		return httpx.Explanation{}
	}
	e := httpx.Explanation{Message: said.Error}
	// A query that timed out was stopped by the server itself: asked again, it
	// would only cost as much again.
	if status == http.StatusServiceUnavailable && said.ErrorType == "timeout" {
		e.Final = true
		e.Hint = "the query is too expensive: record it with a recording rule, or select fewer series"
	}
	return e
}
