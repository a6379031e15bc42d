package counts_test

import (
	"testing"

	"github.com/judged-dev/judged/judge/counts"
	"github.com/judged-dev/judged/judge/judgetest"
)

func TestSuite(t *testing.T) { judgetest.Run(t, counts.Judge{}, judgetest.Counts()...) }
