package ratio_test

import (
	"testing"

	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/ratio"
)

func TestSuite(t *testing.T) { judgetest.Run(t, ratio.Judge{}, judgetest.Ratios()...) }
