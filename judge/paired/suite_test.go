package paired_test

import (
	"testing"

	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

func TestSuite(t *testing.T) { judgetest.Run(t, paired.Judge{}, judgetest.Gauges()...) }

func TestMonotonePValue(t *testing.T) {
	judgetest.MonotonePValue(t, paired.Judge{}, judgetest.Gauges()...)
}

func TestShiftInvariant(t *testing.T) {
	judgetest.ShiftInvariant(t, paired.Judge{}, judgetest.Gauges()...)
}
