package argo_test

import (
	"os"
	"testing"

	"github.com/argoproj/argo-rollouts/analysis"
	kubeinformers "k8s.io/client-go/informers"

	"github.com/judged-dev/judged/compat/conformance/argo-v1.8/suite"
)

func TestMain(m *testing.M) { os.Exit(suite.Main(m)) }

func TestArgoRollouts(t *testing.T) {
	suite.Run(t, suite.Version{KayentaWindow: true, Terminates: true, Configure: func(c *analysis.ControllerConfig, cluster kubeinformers.SharedInformerFactory) {
		c.JobPodsInformer = cluster.Core().V1().Pods() // since v1.10
	}})
}
