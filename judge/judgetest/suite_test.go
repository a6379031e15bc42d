package judgetest_test

import (
	"testing"

	"github.com/judged-dev/judged/judge/judgetest"
	"github.com/judged-dev/judged/judge/pods"
)

func TestPodsSuite(t *testing.T) { judgetest.Run(t, pods.Judge{}, judgetest.Pods()...) }
