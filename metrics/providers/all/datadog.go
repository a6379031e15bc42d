//go:build !no_datadog

package all

import (
	_ "github.com/judged-dev/judged/metrics/providers/datadog" // datadog
)
