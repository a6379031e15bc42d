//go:build !no_datadog

package all

import (
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func TestDatadogIsLinked(t *testing.T) {
	t.Parallel()
	if _, err := metrics.Lookup("datadog"); err != nil {
		t.Error(err)
	}
}
