package paired_test

import (
	"testing"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/paired"
)

func FuzzJudge(f *testing.F) {
	judgetest.Fuzz(f, paired.Judge{}, judge.Gauge)
}
