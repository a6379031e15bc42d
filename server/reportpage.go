package server

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/report"
)

// reportPath is where links to an analysis lead.
const (
	reportPath   = "GET " + reportPrefix + "{id}"
	reportPrefix = "/analyses/"
)

// report serves reportPath: what a terminal would show.
func (s *analysisService) report(r refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		k, err := s.found(request.Context(), "analyses.get", request.PathValue("id"))
		if err != nil {
			r.write(w, request, err)
			return
		}
		var page bytes.Buffer
		if err := writeReport(&page, k.state); err != nil {
			r.write(w, request, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(page.Bytes()) // the reader is gone if this fails
	}
}

func writeReport(page *bytes.Buffer, a *judgedv1.Analysis) error {
	page.WriteString("analysis " + a.GetId() + ", config " + a.GetConfig().GetName() + ", " + strings.ToLower(a.GetState().String()))
	if why := a.GetCancelReason(); why != "" {
		page.WriteString(": " + why)
	}
	page.WriteString("\n")
	if trouble := a.GetTrouble(); trouble != "" {
		page.WriteString("trouble: " + trouble + "\n")
	}
	if again := a.GetRescored(); again != nil {
		page.WriteString("judged again with the feedback since then, " + again.GetSummary() + "\nBelow is what was judged first.\n")
	}
	page.WriteString("\n")
	if a.GetJudgment() == nil {
		page.WriteString("No look has been taken yet.\n")
		return nil
	}
	return report.Text(page, wire.Result(a.GetJudgment()), report.TextOptions{Width: 110})
}
