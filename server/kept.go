package server

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/internal/store"
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
		Created: timeOf(a.GetCreateTime()), Updated: timeOf(a.GetUpdateTime()), Ended: timeOf(a.GetEndTime()),
	}
	detail := &judgedv1.Analysis{
		ConfigRevision: a.GetConfigRevision(), Window: a.GetWindow(), CancelReason: a.GetCancelReason(),
		CreatedBy: a.GetCreatedBy(), CanceledBy: a.GetCanceledBy(), PlannedLooks: a.GetPlannedLooks(), NextLookTime: a.GetNextLookTime(),
		ExpireTime: a.GetExpireTime(), Seed: a.GetSeed(), JudgedVersion: a.GetJudgedVersion(), Trouble: a.GetTrouble(), Labels: a.GetLabels(),
	}
	var err error
	if row.Detail, err = pack(detail); err != nil {
		return row, err
	}
	if judgment != nil {
		row.Judgment, err = pack(judgment)
	}
	return row, err
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// shallow returns a copy of which fields can be replaced.
func shallow(a *judgedv1.Analysis) *judgedv1.Analysis {
	return &judgedv1.Analysis{
		Id: a.GetId(), Config: a.GetConfig(), ConfigRevision: a.GetConfigRevision(), State: a.GetState(), Window: a.GetWindow(),
		Judgment: a.GetJudgment(), Looks: a.GetLooks(), CreateTime: a.GetCreateTime(), UpdateTime: a.GetUpdateTime(), EndTime: a.GetEndTime(),
		Version: a.GetVersion(), CancelReason: a.GetCancelReason(), CreatedBy: a.GetCreatedBy(), CanceledBy: a.GetCanceledBy(),
		PlannedLooks: a.GetPlannedLooks(), NextLookTime: a.GetNextLookTime(), ExpireTime: a.GetExpireTime(), Seed: a.GetSeed(),
		JudgedVersion: a.GetJudgedVersion(), Trouble: a.GetTrouble(), Labels: a.GetLabels(),
	}
}
