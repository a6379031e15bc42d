package all

import (
	"testing"

	"github.com/judged-dev/judged/metrics"
)

func TestDriversAreLinked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"prometheus"} {
		if _, err := metrics.Lookup(name); err != nil {
			t.Error(err)
		}
	}
}
