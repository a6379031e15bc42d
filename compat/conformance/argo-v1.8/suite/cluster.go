// Package suite runs the AnalysisTemplates of examples/argo with Argo Rollouts' own
// controller and providers, against a judged that serves.
//
// It is compiled with the version of Argo Rollouts that the module of its caller
// requires. What differs between versions, the caller brings along.
package suite

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/analysis"
	"github.com/argoproj/argo-rollouts/controller/metrics"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/argo-rollouts/pkg/client/informers/externalversions"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
	"github.com/argoproj/argo-rollouts/utils/queue"
	"github.com/argoproj/argo-rollouts/utils/record"
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubeinformers "k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/yaml"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// Version is what is not the same in all versions of Argo Rollouts.
type Version struct {
	// Configure completes the configuration of the controller; nil if there is
	// nothing to do.
	Configure func(c *analysis.ControllerConfig, cluster kubeinformers.SharedInformerFactory)
	// KayentaWindow: the kayenta provider makes a window of a metric's interval. Before
	// v1.9 it sends start and end as they stand in the template.
	KayentaWindow bool
	// Terminates: a terminated run ends measurements that wait for their next
	// resumption. Before v1.10 it forgets them and is Successful.
	Terminates bool
}

const namespace = "shop"

// cluster is a Kubernetes that forgets, with a controller of AnalysisRuns.
type cluster struct {
	argo *fake.Clientset
	kube *kubefake.Clientset
	runs atomic.Int64
}

func newCluster(t *testing.T, v Version) *cluster {
	t.Helper()
	log.SetOutput(io.Discard) // the controller's, a line a step
	c := &cluster{argo: fake.NewSimpleClientset(), kube: kubefake.NewSimpleClientset()}
	ours := externalversions.NewSharedInformerFactory(c.argo, 0)
	theirs := kubeinformers.NewSharedInformerFactory(c.kube, 0)
	config := analysis.ControllerConfig{
		KubeClientSet: c.kube, ArgoProjClientset: c.argo,
		AnalysisRunInformer: ours.Argoproj().V1alpha1().AnalysisRuns(), JobInformer: theirs.Batch().V1().Jobs(),
		AnalysisRunWorkQueue: workqueue.NewNamedRateLimitingQueue(queue.DefaultArgoRolloutsRateLimiter(), "AnalysisRuns"),
		MetricsServer:        metrics.NewMetricsServer(metrics.ServerConfig{Addr: "127.0.0.1:0", K8SRequestProvider: &metrics.K8sRequestsCountProvider{}}),
		Recorder:             record.NewFakeEventRecorder(),
	}
	if v.Configure != nil {
		v.Configure(&config, theirs)
	}
	controller := analysis.NewController(config)
	ctx, cancel := context.WithCancel(context.Background())
	ours.Start(ctx.Done())
	theirs.Start(ctx.Done())
	ours.WaitForCacheSync(ctx.Done())
	theirs.WaitForCacheSync(ctx.Done())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = controller.Run(ctx, 8)
	}()
	t.Cleanup(func() {
		cancel()
		config.AnalysisRunWorkQueue.ShutDown()
		<-stopped
	})
	return c
}

// secret puts a token into the cluster.
func (c *cluster) secret(t *testing.T, name, token string) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Data: map[string][]byte{"token": []byte(token)}}
	if _, err := c.kube.CoreV1().Secrets(namespace).Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// example returns a file of examples/argo.
func example(t *testing.T, name string) string {
	t.Helper()
	root, err := live.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "examples", "argo", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replaced replaces texts that must be there: a template that no longer has them
// would be run otherwise than the test means.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("the template has no %q", pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

// start runs a template with arguments, as a rollout does.
func (c *cluster) start(t *testing.T, text string, args map[string]string) *v1alpha1.AnalysisRun {
	t.Helper()
	template := &v1alpha1.AnalysisTemplate{}
	if err := yaml.UnmarshalStrict([]byte(text), template); err != nil {
		t.Fatal(err)
	}
	var given []v1alpha1.Argument
	for name, value := range args {
		given = append(given, v1alpha1.Argument{Name: name, Value: &value})
	}
	run, err := analysisutil.NewAnalysisRunFromTemplates([]*v1alpha1.AnalysisTemplate{template}, nil, given, nil, nil, nil, nil, "", "", namespace)
	if err != nil {
		t.Fatal(err)
	}
	n := c.runs.Add(1)
	run.Name = template.Name + "-" + itoa(n)
	run.UID = types.UID("00000000-0000-0000-0000-" + itoa(100000000000+n))
	if run, err = c.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).Create(t.Context(), run, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return run
}

// terminate ends a run early, as an aborted rollout does.
func (c *cluster) terminate(t *testing.T, name string) {
	t.Helper()
	patch := []byte(`{"spec": {"terminate": true}}`)
	if _, err := c.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// longest is how long anything may take: a measurement of Kayenta's takes 15 s, four
// errors take 40, and the machine may be busy.
const longest = 3 * time.Minute

// until returns the run when ok says so.
func (c *cluster) until(t *testing.T, run *v1alpha1.AnalysisRun, ok func(*v1alpha1.AnalysisRun) bool) *v1alpha1.AnalysisRun {
	t.Helper()
	for deadline := time.Now().Add(longest); ; time.Sleep(50 * time.Millisecond) {
		now, err := c.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).Get(t.Context(), run.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if ok(now) {
			return now
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never happened: %+v", run.Name, now.Status)
		}
	}
}

// end returns the run when it has completed.
func (c *cluster) end(t *testing.T, run *v1alpha1.AnalysisRun) *v1alpha1.AnalysisRun {
	t.Helper()
	return c.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return r.Status.Phase.Completed() })
}

// last returns the last measurement of the one metric, a zero one if there is none.
func last(run *v1alpha1.AnalysisRun) v1alpha1.Measurement {
	if len(run.Status.MetricResults) == 0 || len(run.Status.MetricResults[0].Measurements) == 0 {
		return v1alpha1.Measurement{}
	}
	all := run.Status.MetricResults[0].Measurements
	return all[len(all)-1]
}

// failed returns the measurement that had an error, when there is one.
func (c *cluster) failed(t *testing.T, run *v1alpha1.AnalysisRun) v1alpha1.Measurement {
	t.Helper()
	return last(c.until(t, run, func(r *v1alpha1.AnalysisRun) bool { return last(r).Phase == v1alpha1.AnalysisPhaseError }))
}
