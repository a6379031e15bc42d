package judgetest

import (
	"os"
	"strconv"
	"testing"
)

// TrialsVariable is the environment variable that sets how many samples a
// simulation draws. Tables that are to be printed want some thousand:
//
//	JUDGETEST_TRIALS=4000 go test -v -run TestTables ./judge/paired
const TrialsVariable = "JUDGETEST_TRIALS"

// mostTrials bounds what TrialsVariable may ask for.
const mostTrials = 10_000_000

// Trials returns how many samples a simulation draws: usual, a tenth of it with
// testing.Short, or what TrialsVariable says. long is whether it says anything,
// which asks for whole tables.
func Trials(usual int) (n int, long bool) {
	if n, err := strconv.Atoi(os.Getenv(TrialsVariable)); err == nil && n > 0 {
		return min(n, mostTrials), true
	}
	if testing.Short() {
		return max(usual/10, 1), false
	}
	return usual, false
}
