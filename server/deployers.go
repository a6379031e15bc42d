package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/internal/store"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// direct lets the handlers of deployers' formats call the analysis service as a
// client would: what they send must keep the contract's rules, and errors are
// those of the wire.
type direct struct{ service *analysisService }

func (d direct) StartAnalysis(ctx context.Context, r *connect.Request[judgedv1.StartAnalysisRequest]) (*connect.Response[judgedv1.StartAnalysisResponse], error) {
	return directly(ctx, r, r.Msg, d.service.StartAnalysis)
}

func (d direct) GetAnalysis(ctx context.Context, r *connect.Request[judgedv1.GetAnalysisRequest]) (*connect.Response[judgedv1.GetAnalysisResponse], error) {
	return directly(ctx, r, r.Msg, d.service.GetAnalysis)
}

func (d direct) ListAnalyses(ctx context.Context, r *connect.Request[judgedv1.ListAnalysesRequest]) (*connect.Response[judgedv1.ListAnalysesResponse], error) {
	return directly(ctx, r, r.Msg, d.service.ListAnalyses)
}

func (d direct) CancelAnalysis(ctx context.Context, r *connect.Request[judgedv1.CancelAnalysisRequest]) (*connect.Response[judgedv1.CancelAnalysisResponse], error) {
	return directly(ctx, r, r.Msg, d.service.CancelAnalysis)
}

func directly[Req, Res any](
	ctx context.Context, r *connect.Request[Req], m proto.Message, do func(context.Context, *connect.Request[Req]) (*connect.Response[Res], error),
) (*connect.Response[Res], error) {
	err := validator{}.Validate(m)
	if err == nil {
		var response *connect.Response[Res]
		if response, err = do(ctx, r); err == nil {
			return response, nil
		}
	}
	if isOurs(err) {
		outcomeOf(ctx).err = err
	}
	return nil, asRPC(err)
}

// isOurs reports whether the operator should hear of an error.
func isOurs(err error) bool {
	_, db := errors.AsType[*store.Error](err)
	code := asRPC(err).Code()
	return db || code == connect.CodeInternal || code == connect.CodeUnknown
}

// A dialect is how one family of deployers wants to be refused before its handler
// is reached.
type dialect struct {
	prefix string
	write  func(http.ResponseWriter, *connect.Error)
}

// in returns the dialect of a path, nil for judged's own.
func in(dialects []dialect, path string) *dialect {
	for i, d := range dialects {
		if strings.HasPrefix(path, d.prefix) {
			return &dialects[i]
		}
	}
	return nil
}

// link returns where people look at an analysis, empty if nobody said where this
// server is.
func (o Options) link(id string) string {
	if o.Notifications.Address == "" {
		return ""
	}
	return o.Notifications.Address + reportPrefix + id
}
