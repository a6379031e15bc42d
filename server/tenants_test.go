package server_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/judged-dev/judged/internal/auth"
	"github.com/judged-dev/judged/internal/notify"
	"github.com/judged-dev/judged/internal/quota"
	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/policy"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// staff are callers with static tokens.
type staff struct {
	authenticator *auth.Authenticator
	tokens        map[string]string
}

// hire makes a token for each "name@tenant".
func hire(t testing.TB, change func(*auth.Options), callers ...string) staff {
	t.Helper()
	s := staff{tokens: map[string]string{}}
	var file strings.Builder
	file.WriteString("tokens:\n")
	for _, caller := range callers {
		name, tenant, _ := strings.Cut(caller, "@")
		token, hash := auth.NewToken()
		s.tokens[caller] = token
		fmt.Fprintf(&file, "- {name: %q, tenant: %q, sha256: %s}\n", name, tenant, hash)
	}
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o := auth.Options{TokensFile: path}
	if change != nil {
		change(&o)
	}
	var err error
	if s.authenticator, err = auth.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return s
}

// bearer shows a token with every call.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

// as returns the instance as a caller with a token sees it.
func (i *instance) as(token string) *instance {
	c := *i
	c.http = &http.Client{Transport: bearer{token, i.http.Transport}}
	c.h2c = &http.Client{Transport: bearer{token, i.h2c.Transport}}
	c.judge = judgedv1connect.NewJudgeServiceClient(c.h2c, c.url)
	c.analyses = judgedv1connect.NewAnalysisServiceClient(c.h2c, c.url)
	c.configs = judgedv1connect.NewConfigServiceClient(c.h2c, c.url)
	return &c
}

func (i *instance) admin() judgedv1connect.AdminServiceClient {
	return judgedv1connect.NewAdminServiceClient(i.h2c, i.url)
}

// methods are all methods of the contract.
func methods() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		judgedv1.File_judged_v1_judge_service_proto, judgedv1.File_judged_v1_analysis_service_proto,
		judgedv1.File_judged_v1_config_service_proto, judgedv1.File_judged_v1_feedback_service_proto,
		judgedv1.File_judged_v1_admin_service_proto,
	} {
		for s := range file.Services().Len() {
			for m := range file.Services().Get(s).Methods().Len() {
				all = append(all, file.Services().Get(s).Methods().Get(m))
			}
		}
	}
	return all
}

// methodCall is one that a test makes by every way to a method.
type methodCall struct {
	message proto.Message
	// action is what rules call it.
	action string
	// code is what another tenant gets; 0 is no error, but nothing of the first.
	code connect.Code
}

// estate is what a tenant has.
type estate struct{ analysis, config, delivery, key string }

// calls is one call of each method about the things of an estate.
func calls(e estate) map[string]methodCall {
	own := shopConfig(e.config)
	own.Application = "beta"
	text := strings.Replace(shopYAML, "name: checkout", "name: "+e.config+"\napplication: beta", 1)
	return map[string]methodCall{
		"Judge":           {samples(1, 12, 1), "judge", 0},
		"StartAnalysis":   {&judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: e.config}, IdempotencyKey: e.key}, "analyses.start", connect.CodeNotFound},
		"GetAnalysis":     {&judgedv1.GetAnalysisRequest{Id: e.analysis}, "analyses.get", connect.CodeNotFound},
		"ListAnalyses":    {&judgedv1.ListAnalysesRequest{Config: e.config}, "analyses.list", 0},
		"WatchAnalysis":   {&judgedv1.WatchAnalysisRequest{Id: e.analysis}, "analyses.watch", connect.CodeNotFound},
		"CancelAnalysis":  {&judgedv1.CancelAnalysisRequest{Id: e.analysis, Reason: "mine now"}, "analyses.cancel", connect.CodeNotFound},
		"ListLooks":       {&judgedv1.ListLooksRequest{Id: e.analysis}, "analyses.looks", connect.CodeNotFound},
		"GetRecording":    {&judgedv1.GetRecordingRequest{Id: e.analysis}, "analyses.recording", connect.CodeNotFound},
		"CreateConfig":    {&judgedv1.CreateConfigRequest{Config: own}, "configs.create", 0},
		"GetConfig":       {&judgedv1.GetConfigRequest{Name: e.config, Revision: 1}, "configs.get", connect.CodeNotFound},
		"ListConfigs":     {&judgedv1.ListConfigsRequest{}, "configs.list", 0},
		"UpdateConfig":    {&judgedv1.UpdateConfigRequest{Config: own, ExpectedRevision: 1}, "configs.update", connect.CodeNotFound},
		"DeleteConfig":    {&judgedv1.DeleteConfigRequest{Name: e.config}, "configs.delete", connect.CodeNotFound},
		"ValidateConfig":  {&judgedv1.ValidateConfigRequest{Text: text}, "configs.validate", 0},
		"ListRevisions":   {&judgedv1.ListRevisionsRequest{Name: e.config}, "configs.revisions", connect.CodeNotFound},
		"DiffRevisions":   {&judgedv1.DiffRevisionsRequest{Name: e.config, From: 1, To: 2}, "configs.diff", connect.CodeNotFound},
		"ExportConfigs":   {&judgedv1.ExportConfigsRequest{}, "configs.export", 0},
		"ImportConfigs":   {&judgedv1.ImportConfigsRequest{Texts: []string{text}}, "configs.import", 0},
		"SetPin":          {&judgedv1.SetPinRequest{Application: "shop", Pin: ignored(pinnedTemplate)}, "feedback.set", 0},
		"ListPins":        {&judgedv1.ListPinsRequest{Application: "shop"}, "feedback.list", 0},
		"DeletePin":       {&judgedv1.DeletePinRequest{Application: "shop", Template: pinnedTemplate}, "feedback.delete", 0},
		"ListAuditEvents": {&judgedv1.ListAuditEventsRequest{}, "audit.list", 0},
		"ListDeliveries":  {&judgedv1.ListDeliveriesRequest{}, "deliveries.list", 0},
		"RetryDelivery":   {&judgedv1.RetryDeliveryRequest{Id: e.delivery}, "deliveries.retry", connect.CodeNotFound},
		"DropDelivery":    {&judgedv1.DropDeliveryRequest{Id: e.delivery}, "deliveries.drop", connect.CodeNotFound},
	}
}

// answer is what came back, whatever the way.
type answer struct {
	status int
	header http.Header
	text   string
}

func (i *instance) send(t testing.TB, method, path, contentType string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, i.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := i.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// ways sends a message to a method as Connect, as REST, and as events if that is
// another way.
func (i *instance) ways(t testing.TB, m protoreflect.MethodDescriptor, message proto.Message) map[string]answer {
	t.Helper()
	text, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]answer{}
	path := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	if m.IsStreamingServer() {
		framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...)
		all["Connect"] = i.send(t, http.MethodPost, path, "application/connect+json", framed)
		all["events"] = i.send(t, http.MethodGet, "/v1/analyses/"+url.PathEscape(message.(*judgedv1.WatchAnalysisRequest).GetId())+"/events", "", nil)
		return all
	}
	all["Connect"] = i.send(t, http.MethodPost, path, "application/json", text)
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		t.Fatalf("%s has no REST path", m.FullName())
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	verb, pattern := http.MethodGet, rule.GetGet()
	switch {
	case rule.GetPost() != "":
		verb, pattern = http.MethodPost, rule.GetPost()
	case rule.GetPut() != "":
		verb, pattern = http.MethodPut, rule.GetPut()
	case rule.GetDelete() != "":
		verb, pattern = http.MethodDelete, rule.GetDelete()
	}
	for _, name := range []string{"id", "name", "template"} {
		if strings.Contains(pattern, "{"+name+"}") {
			pattern = strings.Replace(pattern, "{"+name+"}", url.PathEscape(fields[name].(string)), 1)
			delete(fields, name)
		}
	}
	if c, ok := fields["config"].(map[string]any); ok {
		pattern = strings.Replace(pattern, "{config.name}", url.PathEscape(c["name"].(string)), 1)
	}
	if rule.GetBody() == "*" {
		body, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		all["REST"] = i.send(t, verb, pattern, "application/json", body)
		return all
	}
	query := url.Values{}
	for name, v := range fields {
		query.Set(name, fmt.Sprint(v))
	}
	if len(query) > 0 {
		pattern += "?" + query.Encode()
	}
	all["REST"] = i.send(t, verb, pattern, "", nil)
	return all
}

// marked says nothing about its tenant but this word, wherever there is room.
const marked = "alphasecret"

// pinnedTemplate is the template of each tenant's pin.
const pinnedTemplate = "0123456789abcdef"

// settle gives the tenant of an instance one of everything.
func settle(t testing.TB, i *instance) estate {
	t.Helper()
	e := estate{config: "checkout", key: "deploy-1"}
	c := shopConfig(e.config)
	c.Application, c.Description = marked, marked
	c.Metrics[0].Name = marked
	if _, err := i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: c, Comment: marked})); err != nil {
		t.Fatal(err)
	}
	c.Description = marked + " again"
	if _, err := i.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: c, ExpectedRevision: 1})); err != nil {
		t.Fatal(err)
	}
	pin := ignored(pinnedTemplate)
	pin.Note = marked
	if _, err := i.feedback().SetPin(t.Context(), connect.NewRequest(&judgedv1.SetPinRequest{Application: "shop", Pin: pin})); err != nil {
		t.Fatal(err)
	}
	e.analysis = i.begin(t, &judgedv1.StartAnalysisRequest{
		Config: &judgedv1.StartAnalysisRequest_Stored{Stored: e.config}, IdempotencyKey: e.key, Labels: map[string]string{"ticket": marked},
	}).GetId()
	i.last(t, e.analysis)
	eventually(t, "a notification is given up", func() bool {
		list, err := i.admin().ListDeliveries(t.Context(), connect.NewRequest(&judgedv1.ListDeliveriesRequest{Dead: true}))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list.Msg.GetDeliveries() {
			if d.GetAnalysis() == e.analysis && d.GetEvent() == "verdict" {
				e.delivery = d.GetId()
			}
		}
		return e.delivery != "" && len(list.Msg.GetDeliveries()) == 4
	})
	return e
}

// snapshot is all that a tenant has.
func snapshot(t testing.TB, i *instance, e estate) string {
	t.Helper()
	var all []string
	for name, c := range calls(e) {
		switch name {
		case "GetAnalysis", "ListAnalyses", "ListLooks", "GetRecording", "GetConfig", "ListConfigs", "ListRevisions", "ExportConfigs", "ListDeliveries", "ListPins":
			for _, m := range methods() {
				if string(m.Name()) == name {
					all = append(all, name+" "+i.ways(t, m, c.message)["Connect"].text)
				}
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// signing is what webhooks of tests sign with.
const signing = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// nowhere is a channel that nobody listens at.
func nowhere(t testing.TB, name string) notify.Channel {
	t.Helper()
	c, err := notify.Open(notify.Settings{Name: name, Webhook: &notify.Webhook{
		URL: metrics.Secret{Value: "http://127.0.0.1:1/"}, Secrets: []metrics.Secret{{Value: signing}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func route(t testing.TB, name, when string, channels ...string) server.NotificationRoute {
	t.Helper()
	r, err := policy.CompileRoute(name, when)
	if err != nil {
		t.Fatal(err)
	}
	return server.NotificationRoute{Name: name, When: r, Channels: channels}
}

// What one tenant has, another neither sees nor changes, by any method and any
// way to it. Methods are those of the contract, so that a new one is not
// forgotten.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	callers := []string{marked + "@alpha"}
	for _, m := range methods() {
		callers = append(callers, "beta@beta-"+string(m.Name()))
	}
	s := hire(t, nil, callers...)
	o := server.Options{Authenticator: s.authenticator, Notifications: server.Notifications{
		Channels: map[string]notify.Channel{"nowhere": nowhere(t, "nowhere")},
		Routes:   []server.NotificationRoute{route(t, "alpha", "event.tenant == 'alpha'", "nowhere")},
	}}
	o.DeliverAfter(time.Millisecond, 1)
	i := start(t, o)
	alpha := i.as(s.tokens[marked+"@alpha"])
	e := settle(t, alpha)
	before := snapshot(t, alpha, e)
	if strings.Count(before, marked) < 10 {
		t.Fatalf("the first tenant has not much to hide: %s", before)
	}
	known := calls(e)
	for _, m := range methods() {
		name := string(m.Name())
		c, ok := known[name]
		if !ok {
			t.Errorf("%s is new: say in calls what it does with another tenant's things", m.FullName())
			continue
		}
		// A tenant for each, since some of them make things.
		beta := i.as(s.tokens["beta@beta-"+name])
		for way, got := range beta.ways(t, m, c.message) {
			if strings.Contains(got.text, marked) || c.code != 0 && strings.Contains(got.text, "alpha") {
				t.Errorf("%s by %s tells another tenant %s", name, way, got.text)
			}
			switch want := c.code; {
			case way == "Connect" && m.IsStreamingServer():
				if got.status != http.StatusOK || !strings.Contains(got.text, want.String()) {
					t.Errorf("%s by %s: status %d: %s", name, way, got.status, got.text)
				}
			case want == 0 && way == "REST" && got.status == http.StatusConflict && name == "CreateConfig":
				// Connect has just created it, in its own tenant.
			case want == 0 && got.status != http.StatusOK, want == connect.CodeNotFound && got.status != http.StatusNotFound:
				t.Errorf("%s by %s: status %d: %s", name, way, got.status, got.text)
			}
			if name == "ImportConfigs" && !strings.Contains(got.text, `"1"`) {
				t.Errorf("an import of a name that another tenant has: %s", got.text)
			}
		}
		for _, list := range []string{"ListAnalyses", "ListConfigs", "ListAuditEvents", "ListDeliveries"} {
			if name == list {
				for way, got := range beta.ways(t, m, c.message) {
					if strings.Contains(got.text, "id\"") || strings.Contains(got.text, "revision") {
						t.Errorf("%s by %s: %s", name, way, got.text)
					}
				}
			}
		}
	}
	if after := snapshot(t, alpha, e); after != before {
		t.Errorf("others changed what the tenant has: before\n%s\nafter\n%s", before, after)
	}
	// A page token says where a list goes on, and of nobody whose list.
	for _, name := range []string{"one", "two"} {
		if _, err := alpha.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig(name)})); err != nil {
			t.Fatal(err)
		}
	}
	page, err := alpha.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{PageSize: 1}))
	if err != nil || page.Msg.GetNextPageToken() == "" {
		t.Fatal(page, err)
	}
	beta := i.as(s.tokens["beta@beta-Judge"])
	next, err := beta.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{PageToken: page.Msg.GetNextPageToken()}))
	if err != nil || len(next.Msg.GetConfigs()) != 0 {
		t.Errorf("another tenant's page: %v, %v", next, err)
	}
	// The same idempotency key is another one there.
	if mine := beta.begin(t, &judgedv1.StartAnalysisRequest{Config: inline(shopConfig("x")).GetConfig(), IdempotencyKey: e.key}); mine.GetId() == e.analysis {
		t.Error("a key of another tenant gives its analysis")
	}
}

// What no rule allows is refused by every method and way, and stands in the audit
// log under the name that the rules know.
func TestNothingIsAllowedByItself(t *testing.T) {
	t.Parallel()
	s := hire(t, nil, "root@alpha", "guest@alpha")
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{{Name: "root", Allow: "caller.name == 'root'"}})
	if err != nil {
		t.Fatal(err)
	}
	o := server.Options{Authenticator: s.authenticator, Authorization: rules, Notifications: server.Notifications{
		Channels: map[string]notify.Channel{"nowhere": nowhere(t, "nowhere")},
		Routes:   []server.NotificationRoute{route(t, "all", "", "nowhere")},
	}}
	o.DeliverAfter(time.Millisecond, 1)
	i := start(t, o)
	root, guest := i.as(s.tokens["root@alpha"]), i.as(s.tokens["guest@alpha"])
	e := settle(t, root)
	before := snapshot(t, root, e)
	want := map[string]int{}
	for _, m := range methods() {
		c := calls(e)[string(m.Name())]
		if !slices.Contains(policy.Actions, c.action) {
			t.Errorf("%s is called %q, which no rule can name", m.FullName(), c.action)
		}
		for way, got := range guest.ways(t, m, c.message) {
			want[c.action]++
			text := got.text
			if got.status != http.StatusForbidden && (!m.IsStreamingServer() || way != "Connect") ||
				!strings.Contains(text, "you are guest, who may not do this: "+c.action) || !strings.Contains(text, "denied: no rule allows it") {
				t.Errorf("%s by %s: status %d: %s", m.Name(), way, got.status, text)
			}
			if strings.Contains(text, marked) {
				t.Errorf("%s by %s is refused and tells %s", m.Name(), way, text)
			}
		}
	}
	if after := snapshot(t, root, e); after != before {
		t.Errorf("a caller who may nothing changed something: before\n%s\nafter\n%s", before, after)
	}
	events, err := root.admin().ListAuditEvents(t.Context(), connect.NewRequest(&judgedv1.ListAuditEventsRequest{Caller: "guest", PageSize: 500}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range events.Msg.GetEvents() {
		if !e.GetRefused() || e.GetMethod() != "token" || e.GetDetail() != "denied: no rule allows it" || e.GetTime() == nil {
			t.Errorf("in the audit log: %v", e)
		}
		got[e.GetAction()]++
	}
	for action, n := range want {
		if got[action] != n {
			t.Errorf("%s was refused %d times, and stands %d times in the audit log", action, n, got[action])
		}
	}
	done, err := root.admin().ListAuditEvents(t.Context(), connect.NewRequest(&judgedv1.ListAuditEventsRequest{Object: e.config}))
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, e := range done.Msg.GetEvents() {
		if !e.GetRefused() {
			changes = append(changes, e.GetCaller()+" "+e.GetAction()+" "+e.GetDetail())
		}
	}
	if !slices.Equal(changes, []string{"root configs.update revision 2: ", "root configs.create revision 1: " + marked}) {
		t.Errorf("the audit log has %q", changes)
	}
}

// Nobody gets in without a good token, by any method or way, and the token is
// told to nobody.
func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	s := hire(t, nil, "ann@alpha")
	i := start(t, server.Options{Authenticator: s.authenticator})
	forged, _ := auth.NewToken()
	for name, c := range map[string]struct{ token, text string }{
		"none":   {"", "no credentials"},
		"forged": {forged, ""},
		"half":   {s.tokens["ann@alpha"][:30], ""},
		"jwt":    {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", ""},
	} {
		caller := i.as(c.token)
		for _, m := range methods() {
			for way, got := range caller.ways(t, m, calls(estate{"x", "x", "x", "x"})[string(m.Name())].message) {
				switch {
				case way == "Connect" && m.IsStreamingServer():
					if !strings.Contains(got.text, "unauthenticated") {
						t.Errorf("%s: %s by %s: %s", name, m.Name(), way, got.text)
					}
				case got.status != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer"):
					t.Errorf("%s: %s by %s: status %d: %s", name, m.Name(), way, got.status, got.text)
				}
				if c.token != "" && strings.Contains(got.text, c.token) {
					t.Errorf("%s: the error repeats the token: %s", name, got.text)
				}
			}
		}
	}
	for _, path := range []string{"/v1/analyses", "/v1/nothing", "/nothing"} {
		if got := i.send(t, http.MethodGet, path, "", nil); got.status != http.StatusUnauthorized {
			t.Errorf("%s: status %d", path, got.status)
		}
	}
	if status, _ := i.page(t, "/healthz"); status != http.StatusOK {
		t.Errorf("health needs a token: status %d", status)
	}
	if log := i.log.String(); strings.Contains(log, forged) || strings.Contains(log, s.tokens["ann@alpha"][:30]) {
		t.Error("the log has a token")
	}
}

// Who may come without a token is nobody's tenant but that of the settings.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	s := hire(t, func(o *auth.Options) { o.Anonymous, o.AnonymousTenant = true, "public" }, "ann@alpha")
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{{Name: "names", Allow: "caller.method != 'none' || action.endsWith('.list')"}})
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, server.Options{Authenticator: s.authenticator, Authorization: rules})
	ann := i.as(s.tokens["ann@alpha"])
	if _, err := ann.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("hers")})); err != nil {
		t.Fatal(err)
	}
	list, err := i.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{}))
	if err != nil || len(list.Msg.GetConfigs()) != 0 {
		t.Errorf("nobody sees %v, %v", list, err)
	}
	_, err = i.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: shopConfig("c")}))
	wantCode(t, err, connect.CodePermissionDenied, "you are anonymous", "configs.create of c")
	forged, _ := auth.NewToken()
	_, err = i.as(forged).configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{}))
	wantCode(t, err, connect.CodeUnauthenticated)
}

// A caller who asks too often waits, and nobody else.
func TestQuotaOfCallers(t *testing.T) {
	t.Parallel()
	c := newClock(time.Now())
	keeper, err := quota.New(quota.Options{Rate: 0.1, Burst: 3, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	s := hire(t, nil, "busy@alpha", "calm@alpha")
	i := start(t, server.Options{Authenticator: s.authenticator, Quota: keeper})
	busy, calm := i.as(s.tokens["busy@alpha"]), i.as(s.tokens["calm@alpha"])
	for range 3 {
		if got := busy.send(t, http.MethodGet, "/v1/configs", "", nil); got.status != http.StatusOK {
			t.Fatalf("status %d: %s", got.status, got.text)
		}
	}
	got := busy.send(t, http.MethodGet, "/v1/configs", "", nil)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "10" || !strings.Contains(got.text, `"QUOTA"`) {
		t.Errorf("status %d, Retry-After %q: %s", got.status, got.header.Get("Retry-After"), got.text)
	}
	_, err = busy.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{}))
	wantCode(t, err, connect.CodeResourceExhausted)
	if got := calm.send(t, http.MethodGet, "/v1/configs", "", nil); got.status != http.StatusOK {
		t.Errorf("another caller: status %d: %s", got.status, got.text)
	}
	c.set(c.now().Add(11 * time.Second))
	if got := busy.send(t, http.MethodGet, "/v1/configs", "", nil); got.status != http.StatusOK {
		t.Errorf("after its time: status %d: %s", got.status, got.text)
	}
}

// A rule on an application cannot be evaded: not by an inline config, not by an
// import, not by giving another application's config one's own name, and not by a
// stored config that has become another's.
func TestApplicationRules(t *testing.T) {
	t.Parallel()
	s := hire(t, nil, "root@", "shop@")
	rules, err := policy.CompileAuthorization([]policy.AuthorizationRule{
		{Name: "root", Allow: "caller.name == 'root'"}, {Name: "own", Allow: "application == caller.name"},
	})
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, server.Options{Authenticator: s.authenticator, Authorization: rules})
	root, shop := i.as(s.tokens["root@"]), i.as(s.tokens["shop@"])
	of := func(name, application string) *judgedv1.CanaryConfig {
		c := shopConfig(name)
		c.Application = application
		return c
	}
	create := func(at *instance, c *judgedv1.CanaryConfig) error {
		_, err := at.configs.CreateConfig(t.Context(), connect.NewRequest(&judgedv1.CreateConfigRequest{Config: c}))
		return err
	}
	for _, err := range []error{create(root, of("payments", "payments")), create(shop, of("shop", "shop"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	yaml := func(name, application string) string {
		return strings.Replace(shopYAML, "name: checkout", "name: "+name+"\napplication: "+application, 1)
	}
	for name, try := range map[string]func() error{
		"create for another": func() error { return create(shop, of("new", "payments")) },
		"create for nobody":  func() error { return create(shop, of("new", "")) },
		"update another's": func() error {
			_, err := shop.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: of("payments", "payments"), ExpectedRevision: 1}))
			return err
		},
		"take another's over": func() error {
			_, err := shop.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: of("payments", "shop"), ExpectedRevision: 1}))
			return err
		},
		"create over another's": func() error { return create(shop, of("payments", "shop")) },
		"give one's own away": func() error {
			_, err := shop.configs.UpdateConfig(t.Context(), connect.NewRequest(&judgedv1.UpdateConfigRequest{Config: of("shop", "payments"), ExpectedRevision: 1}))
			return err
		},
		"import for another": func() error {
			_, err := shop.configs.ImportConfigs(t.Context(), connect.NewRequest(&judgedv1.ImportConfigsRequest{Texts: []string{yaml("a", "shop"), yaml("b", "payments")}}))
			return err
		},
		"import over another's": func() error {
			_, err := shop.configs.ImportConfigs(t.Context(), connect.NewRequest(&judgedv1.ImportConfigsRequest{Texts: []string{yaml("payments", "shop")}}))
			return err
		},
		"only try to": func() error {
			_, err := shop.configs.ImportConfigs(t.Context(), connect.NewRequest(&judgedv1.ImportConfigsRequest{Texts: []string{yaml("payments", "shop")}, DryRun: true}))
			return err
		},
		"delete another's": func() error {
			_, err := shop.configs.DeleteConfig(t.Context(), connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "payments"}))
			return err
		},
		"export another's": func() error {
			_, err := shop.configs.ExportConfigs(t.Context(), connect.NewRequest(&judgedv1.ExportConfigsRequest{Names: []string{"shop", "payments"}}))
			return err
		},
		"start another's": func() error {
			_, err := shop.analyses.StartAnalysis(t.Context(), connect.NewRequest(&judgedv1.StartAnalysisRequest{Config: &judgedv1.StartAnalysisRequest_Stored{Stored: "payments"}}))
			return err
		},
		"start inline for another": func() error {
			_, err := shop.analyses.StartAnalysis(t.Context(), connect.NewRequest(inline(of("x", "payments"))))
			return err
		},
		"list all analyses": func() error {
			_, err := shop.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{}))
			return err
		},
	} {
		if err := try(); connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, err := root.configs.ListConfigs(t.Context(), connect.NewRequest(&judgedv1.ListConfigsRequest{}))
	if err != nil || len(all.Msg.GetConfigs()) != 2 || all.Msg.GetConfigs()[0].GetRevision() != 1 || all.Msg.GetConfigs()[1].GetRevision() != 1 {
		t.Errorf("something was changed: %v, %v", all, err)
	}
	// An analysis is its config's application's, also by its idempotency key.
	r := inline(of("x", "payments"))
	r.IdempotencyKey = "k"
	theirs := root.begin(t, r)
	_, err = shop.analyses.StartAnalysis(t.Context(), connect.NewRequest(r))
	wantCode(t, err, connect.CodePermissionDenied)
	_, err = shop.analyses.GetAnalysis(t.Context(), connect.NewRequest(&judgedv1.GetAnalysisRequest{Id: theirs.GetId()}))
	wantCode(t, err, connect.CodePermissionDenied)
	mine := shop.begin(t, inline(of("y", "shop")))
	list, err := shop.analyses.ListAnalyses(t.Context(), connect.NewRequest(&judgedv1.ListAnalysesRequest{Application: "shop"}))
	if err != nil || len(list.Msg.GetAnalyses()) != 1 || list.Msg.GetAnalyses()[0].GetId() != mine.GetId() {
		t.Errorf("its own analyses are %v, %v", list, err)
	}
	// A name that was given up by one application and taken by another does not
	// bring the old revisions along.
	if _, err := root.configs.DeleteConfig(t.Context(), connect.NewRequest(&judgedv1.DeleteConfigRequest{Name: "payments"})); err != nil {
		t.Fatal(err)
	}
	if err := create(shop, of("payments", "shop")); err != nil {
		t.Fatal(err)
	}
	_, err = shop.configs.GetConfig(t.Context(), connect.NewRequest(&judgedv1.GetConfigRequest{Name: "payments", Revision: 1}))
	wantCode(t, err, connect.CodePermissionDenied)
	revisions, err := shop.configs.ListRevisions(t.Context(), connect.NewRequest(&judgedv1.ListRevisionsRequest{Name: "payments"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range revisions.Msg.GetRevisions() {
		if r.GetConfig().GetApplication() != "shop" {
			t.Errorf("the list of revisions shows revision %d of application %q", r.GetRevision(), r.GetConfig().GetApplication())
		}
	}
}
