package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/encoding/protojson"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// Every protocol gives the same judgment.
func TestJudgeOverEveryProtocol(t *testing.T) {
	i := start(t, server.Options{})
	request := samples(2, 40, 1.5)
	for name, c := range map[string]struct {
		http    *http.Client
		options []connect.ClientOption
	}{
		"connect proto, HTTP/1.1": {i.http, nil},
		"connect proto, h2c":      {i.h2c, nil},
		"connect JSON":            {i.http, []connect.ClientOption{connect.WithProtoJSON()}},
		"connect gzip":            {i.h2c, []connect.ClientOption{connect.WithSendGzip()}},
		"gRPC":                    {i.h2c, []connect.ClientOption{connect.WithGRPC()}},
		"gRPC JSON":               {i.h2c, []connect.ClientOption{connect.WithGRPC(), connect.WithProtoJSON()}},
		"gRPC-Web, HTTP/1.1":      {i.http, []connect.ClientOption{connect.WithGRPCWeb()}},
		"gRPC-Web, h2c":           {i.h2c, []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		t.Run(name, func(t *testing.T) {
			client := judgedv1connect.NewJudgeServiceClient(c.http, i.url, c.options...)
			response, err := client.Judge(t.Context(), connect.NewRequest(request))
			if err != nil {
				t.Fatal(err)
			}
			j := response.Msg.GetJudgment()
			if j.GetVerdict() != judgedv1.Verdict_FAIL || len(j.GetFindings()) != 2 || j.GetJudgedVersion() != "test" {
				t.Errorf("got %v with %d findings of version %q (%s)", j.GetVerdict(), len(j.GetFindings()), j.GetJudgedVersion(), j.GetSummary())
			}
			if response.Header().Get(server.RequestIDHeader) == "" {
				t.Error("no request id")
			}
			_, err = client.Judge(t.Context(), connect.NewRequest(&judgedv1.JudgeRequest{}))
			e := wantCode(t, err, connect.CodeInvalidArgument, "send at least one signal")
			if len(e.Details()) != 2 {
				t.Errorf("got %d details, want ErrorInfo and Violations", len(e.Details()))
			}
		})
	}
}

const failing = `{"signals": [{"name": "latency", "direction": "INCREASE", "baseline": {"values": [100, 101, 99, 100, "NaN", 100, 102, 98, 100, 101, 99, 102, 100, 101]},
	"canary": {"values": [200, 201, 199, 200, 200, "NaN", 202, 198, 200, 201, 203, 199, 201, 200]}}]}`

func TestJudgeOverREST(t *testing.T) {
	i := start(t, server.Options{})
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"} {
		for _, path := range []string{"/v1/judge", judgedv1connect.JudgeServiceJudgeProcedure} {
			status, answer, header := i.call(t, http.MethodPost, path, failing, "Content-Type", contentType)
			if status != http.StatusOK {
				t.Fatalf("%s as %s: status %d: %v", path, contentType, status, answer)
			}
			judgment, ok := answer["judgment"].(map[string]any)
			if !ok || judgment["verdict"] != "FAIL" {
				t.Fatalf("%s: got %v", path, answer)
			}
			// Deployers compare these: they must not vanish.
			if score, ok := judgment["score"].(float64); !ok || score != 0 {
				t.Errorf("%s: score is %v, want 0", path, judgment["score"])
			}
			finding := judgment["findings"].([]any)[0].(map[string]any)
			if missing := finding["baseline"].(map[string]any)["missing"]; missing == nil {
				t.Errorf("%s: a number that is zero or more is missing in %v", path, finding["baseline"])
			}
			if critical, ok := finding["signal"].(map[string]any)["critical"].(bool); !ok || critical {
				t.Errorf("%s: critical is absent", path)
			}
			if header.Get(server.RequestIDHeader) == "" {
				t.Errorf("%s: no request id", path)
			}
		}
	}
}

// A misspelt field must not be dropped without a word.
func TestJSONIsStrict(t *testing.T) {
	i := start(t, server.Options{})
	misspelt := strings.Replace(failing, `"direction"`, `"critcal": true, "direction"`, 1)
	for _, c := range [][2]string{
		{"/v1/judge", "application/json"},
		{"/v1/judge", "application/json; charset=utf-8"},
		{"/v1/judge?interval=60s", "application/json"}, // a query string takes the transcoder's codec
		{judgedv1connect.JudgeServiceJudgeProcedure, "application/json"},
		{judgedv1connect.JudgeServiceJudgeProcedure, "application/json; charset=utf-8"},
	} {
		status, answer, _ := i.call(t, http.MethodPost, c[0], misspelt, "Content-Type", c[1])
		message, _ := answer["message"].(string)
		if status != http.StatusBadRequest || !strings.Contains(message, `unknown field "critcal"`) || strings.Contains(message, "proto:") {
			t.Errorf("%s as %s: status %d, message %q", c[0], c[1], status, message)
		}
	}
}

func TestRESTPaths(t *testing.T) {
	i := start(t, server.Options{})
	config, err := protojson.Marshal(shopConfig("checkout"))
	if err != nil {
		t.Fatal(err)
	}
	do := func(method, path, body string, want int) map[string]any {
		t.Helper()
		status, answer, _ := i.call(t, method, path, body)
		if status != want {
			t.Fatalf("%s %s: status %d, want %d: %v", method, path, status, want, answer)
		}
		return answer
	}
	stored := do(http.MethodPost, "/v1/configs", `{"config": `+string(config)+`}`, 200)["stored"].(map[string]any)
	if stored["revision"] != "1" {
		t.Errorf("revision is %v", stored["revision"])
	}
	do(http.MethodPost, "/v1/configs", `{"config": `+string(config)+`}`, http.StatusConflict)
	do(http.MethodGet, "/v1/configs/checkout", "", 200)
	do(http.MethodGet, "/v1/configs/checkout?revision=7", "", http.StatusNotFound)
	do(http.MethodGet, "/v1/configs/checkout?colour=red", "", http.StatusBadRequest)
	do(http.MethodPut, "/v1/configs/checkout", `{"expectedRevision": 1, "config": `+string(config)+`}`, 200)
	do(http.MethodPut, "/v1/configs/checkout", `{"expectedRevision": 1, "config": `+string(config)+`}`, http.StatusConflict)
	list := do(http.MethodGet, "/v1/configs?page_size=1", "", 200)
	if len(list["configs"].([]any)) != 1 || list["nextPageToken"] != "" {
		t.Errorf("list of configs: %v", list)
	}
	valid := do(http.MethodPost, "/v1/configs:validate", `{"text": "name: x"}`, 200)
	if len(valid["problems"].([]any)) == 0 {
		t.Errorf("validate: %v", valid)
	}

	started := do(http.MethodPost, "/v1/analyses", `{"stored": "checkout"}`, 200)["analysis"].(map[string]any)
	id, _ := started["id"].(string)
	if started["configRevision"] != "2" || started["state"] != "PENDING" || started["looks"] != 0.0 {
		t.Errorf("started: %v", started)
	}
	i.wait(t, id, 0)
	got := do(http.MethodGet, "/v1/analyses/"+id, "", 200)["analysis"].(map[string]any)
	if got["state"] != "COMPLETED" || got["judgment"].(map[string]any)["verdict"] != "FAIL" {
		t.Errorf("got: %v", got)
	}
	cancelled := do(http.MethodPost, "/v1/analyses/"+id+":cancel", `{"reason": "too late"}`, 200)["analysis"].(map[string]any)
	if cancelled["state"] != "COMPLETED" {
		t.Errorf("cancelled after its end: %v", cancelled)
	}
	found := do(http.MethodGet, "/v1/analyses?config=checkout&verdict=FAIL", "", 200)
	if len(found["analyses"].([]any)) != 1 {
		t.Errorf("list of analyses: %v", found)
	}
	missing := do(http.MethodGet, "/v1/analyses/nobody", "", http.StatusNotFound)
	if missing["code"] != 5.0 || !strings.Contains(missing["message"].(string), `"nobody"`) {
		t.Errorf("an unknown analysis: %v", missing)
	}
	do(http.MethodDelete, "/v1/configs/checkout", "", 200)
	do(http.MethodGet, "/v1/configs/checkout", "", http.StatusNotFound)
	do(http.MethodGet, "/v1/nothing", "", http.StatusNotFound)
	do(http.MethodGet, "/nothing", "", http.StatusNotFound)
	do(http.MethodPatch, "/v1/judge", "{}", http.StatusMethodNotAllowed)
}

// A GET of a method without side effects is a Connect GET.
func TestConnectGet(t *testing.T) {
	i := start(t, server.Options{})
	client := judgedv1connect.NewAnalysisServiceClient(i.http, i.url, connect.WithHTTPGet(), connect.WithProtoJSON())
	if _, err := client.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(i.log.String(), `"method":"GET","path":"/judged.v1.AnalysisService/ListAnalyses"`) {
		t.Errorf("the log has no GET: %s", i.log)
	}
}

// Small answers are not worth compressing; large ones are, for who accepts it.
func TestCompression(t *testing.T) {
	i := start(t, server.Options{})
	for signals, want := range map[int]string{1: "", 1000: "gzip"} {
		text, err := protojson.Marshal(samples(signals, 5, 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/v1/judge", judgedv1connect.JudgeServiceJudgeProcedure} {
			request, err := http.NewRequest(http.MethodPost, i.url+path, bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Accept-Encoding", "gzip") // set by hand: the transport leaves it alone
			response, err := i.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if got := response.Header.Get("Content-Encoding"); got != want {
				t.Errorf("%s with %d signals: Content-Encoding is %q, want %q", path, signals, got, want)
			}
			if want == "gzip" {
				z, err := gzip.NewReader(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.NewDecoder(z).Decode(&struct{}{}); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			response.Body.Close()
		}
	}
}

func TestReflection(t *testing.T) {
	i := start(t, server.Options{})
	client := grpcreflect.NewClient(i.h2c, i.url, connect.WithGRPC())
	stream := client.NewStream(t.Context())
	defer stream.Close()
	services, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	if len(services) != 5 {
		t.Errorf("got %v, want the five services", services)
	}
	files, err := stream.FileContainingSymbol("judged.v1.JudgeService")
	if err != nil || len(files) == 0 {
		t.Errorf("the file of JudgeService: %d files, %v", len(files), err)
	}
}
