package replay

import (
	"strings"

	"github.com/judged-dev/judged/metrics"
	"github.com/judged-dev/judged/metrics/promql"
)

func init() {
	metrics.Register(metrics.Provider{Name: "recording", Expand: promql.Expand, Open: openSettings})
}

// openSettings opens the recording at the settings' URL, a path or file://
// and a path. Timeout bounds a query and MaxResponseBytes the recording's
// text; the other settings are for servers.
func openSettings(s metrics.Settings) (metrics.Source, error) {
	path := strings.TrimPrefix(s.URL, "file://")
	r, err := Open(path, Options{Name: s.Name, Timeout: s.Timeout, Limits: Limits{Bytes: s.MaxResponseBytes}})
	if err != nil {
		return nil, err
	}
	return r, nil
}
