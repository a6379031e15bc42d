package server

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store"
	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// kept is an analysis as it is stored, and what the store's columns say of it as
// a message.
type kept struct {
	row   store.Analysis
	state *judgedv1.Analysis
}

// read returns the message of a stored analysis.
func read(row store.Analysis) (*kept, error) {
	a := &judgedv1.Analysis{}
	if err := unpack(row.Detail, a); err != nil {
		return nil, err
	}
	a.Config = &judgedv1.CanaryConfig{}
	if err := unpack(row.Config, a.GetConfig()); err != nil {
		return nil, err
	}
	if row.Judgment != nil {
		a.Judgment = &judgedv1.Judgment{}
		if err := unpack(row.Judgment, a.GetJudgment()); err != nil {
			return nil, err
		}
	}
	a.Id, a.State, a.Looks, a.Version = row.ID, judgedv1.AnalysisState(row.State), int32(row.Looks), row.Version
	a.CreateTime, a.UpdateTime = timestamppb.New(row.Created), timestamppb.New(row.Updated)
	if !row.Ended.IsZero() {
		a.EndTime = timestamppb.New(row.Ended)
	}
	return &kept{row, a}, nil
}

// write returns the row of a message. The judgment is written if it is given,
// the config only with a new analysis.
func write(tenant string, a *judgedv1.Analysis, judgment *judgedv1.Judgment) (store.Analysis, error) {
	row := store.Analysis{
		ID: a.GetId(), Tenant: tenant, State: int(a.GetState()), Verdict: int(a.GetJudgment().GetVerdict()), Version: a.GetVersion(),
		ConfigName: a.GetConfig().GetName(), Application: a.GetConfig().GetApplication(), Looks: int(a.GetLooks()), Labels: a.GetLabels(),
		Created: wire.Time(a.GetCreateTime()), Updated: wire.Time(a.GetUpdateTime()), Ended: wire.Time(a.GetEndTime()),
	}
	detail := shallow(a)
	detail.Id, detail.Config, detail.Judgment, detail.State, detail.Looks, detail.Version = "", nil, nil, 0, 0, 0 // as read fills them in
	detail.CreateTime, detail.UpdateTime, detail.EndTime, detail.Url = nil, nil, nil, ""
	var err error
	if row.Detail, err = pack(detail); err != nil {
		return row, err
	}
	if judgment != nil {
		row.Judgment, err = pack(judgment)
	}
	return row, err
}

// shallow returns a copy of which fields can be replaced; what they point to is
// shared.
func shallow(a *judgedv1.Analysis) *judgedv1.Analysis {
	out := &judgedv1.Analysis{}
	a.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		out.ProtoReflect().Set(field, v)
		return true
	})
	return out
}
