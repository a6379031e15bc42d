//go:build !unix

package mannwhitney

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
