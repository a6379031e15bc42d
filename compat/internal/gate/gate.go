// Package gate answers deployers that ask again and again whether a release may
// go on, and cannot remember what they were told: one key, one analysis at a
// time.
package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Service is what a gate needs of the API; a
// judgedv1connect.AnalysisServiceHandler has it. Its errors are *connect.Error.
type Service interface {
	StartAnalysis(ctx context.Context, request *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error)
	GetAnalysis(ctx context.Context, request *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error)
	ListAnalyses(ctx context.Context, request *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error)
	CancelAnalysis(ctx context.Context, request *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error)
}

// KeyLabel is the label of analyses that holds their key.
const KeyLabel = "judged.dev/key"

// maxKey is how long a label's value may be, in bytes.
const maxKey = 253

// Key joins what tells one release from another, such as the deployer's name, the
// object and its revision. What would be too long for a label ends in a digest.
func Key(parts ...string) string {
	key := strings.Join(parts, "/")
	if len(key) <= maxKey {
		return key
	}
	return strings.ToValidUTF8(key[:maxKey-1-32], "") + "-" + digest(key)[:32]
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Gate keeps the analyses of keys. All state is the service's, so that replicas
// and restarts change nothing.
type Gate struct{ Service Service }

// Latest returns the newest analysis of a key, nil if there is none.
func (g Gate) Latest(ctx context.Context, key string) (*judgedv1.Analysis, error) {
	response, err := g.Service.ListAnalyses(ctx, connect.NewRequest(&judgedv1.ListAnalysesRequest{
		PageSize: 1, Labels: map[string]string{KeyLabel: key},
	}))
	if err != nil || len(response.Msg.GetAnalyses()) == 0 {
		return nil, err
	}
	return response.Msg.GetAnalyses()[0], nil
}

// Start returns the newest analysis of a key; a new one by request if there is
// none, or if renew says that the newest is of the past. Of callers that race,
// all get the same.
func (g Gate) Start(ctx context.Context, key string, request *judgedv1.StartAnalysisRequest, renew func(latest *judgedv1.Analysis) bool) (*judgedv1.Analysis, error) {
	latest, err := g.Latest(ctx, key)
	if err != nil || latest != nil && !renew(latest) {
		return latest, err
	}
	request = proto.CloneOf(request)
	// Whoever saw the same latest analysis starts the same next one.
	request.IdempotencyKey = "gate-" + digest(key+"\x00"+latest.GetId())
	if request.Labels == nil {
		request.Labels = map[string]string{}
	}
	request.Labels[KeyLabel] = key
	response, err := g.Service.StartAnalysis(ctx, connect.NewRequest(request))
	if err != nil {
		return nil, err
	}
	return response.Msg.GetAnalysis(), nil
}

// Wait returns the analysis when it has ended, or as it is after a time or when
// the server wants to stop.
func (g Gate) Wait(ctx context.Context, a *judgedv1.Analysis, most time.Duration, now func() time.Time) (*judgedv1.Analysis, error) {
	until := now().Add(most)
	for !Ended(a) {
		left := min(until.Sub(now()), time.Minute) // the longest wait of one call
		if left <= 0 {
			break
		}
		response, err := g.Service.GetAnalysis(ctx, connect.NewRequest(&judgedv1.GetAnalysisRequest{
			Id: a.GetId(), AfterVersion: a.GetVersion(), Wait: durationpb.New(left),
		}))
		if err != nil {
			return nil, err
		}
		if response.Msg.GetAnalysis().GetVersion() == a.GetVersion() {
			break // no news within the wait, or the server stops
		}
		a = response.Msg.GetAnalysis()
	}
	return a, nil
}

// Cancel ends the newest analysis of a key if it lives, and returns it; nil if
// there is none.
func (g Gate) Cancel(ctx context.Context, key, reason string) (*judgedv1.Analysis, error) {
	latest, err := g.Latest(ctx, key)
	if err != nil || latest == nil || Ended(latest) {
		return latest, err
	}
	response, err := g.Service.CancelAnalysis(ctx, connect.NewRequest(&judgedv1.CancelAnalysisRequest{Id: latest.GetId(), Reason: reason}))
	if err != nil {
		return nil, err
	}
	return response.Msg.GetAnalysis(), nil
}

// Ended reports whether no look of an analysis is still to come.
func Ended(a *judgedv1.Analysis) bool {
	switch a.GetState() {
	case judgedv1.AnalysisState_COMPLETED, judgedv1.AnalysisState_CANCELED, judgedv1.AnalysisState_EXPIRED:
		return true
	default:
		return false
	}
}
