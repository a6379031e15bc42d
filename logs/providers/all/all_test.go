package all

import (
	"testing"

	"github.com/judged-dev/judged/logs"
)

func TestDriversAreLinked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cloudwatch", "datadog", "elasticsearch", "files", "gcp", "loki", "otlp", "splunk"} {
		if _, err := logs.Lookup(name); err != nil {
			t.Error(err)
		}
	}
}
