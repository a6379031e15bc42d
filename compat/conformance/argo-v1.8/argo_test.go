package argo_test

import (
	"os"
	"testing"

	"github.com/judged-dev/judged/compat/conformance/argo-v1.8/suite"
)

func TestMain(m *testing.M) { os.Exit(suite.Main(m)) }

func TestArgoRollouts(t *testing.T) { suite.Run(t, suite.Version{}) }
