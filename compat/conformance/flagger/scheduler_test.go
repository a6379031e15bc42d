package flagger_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/canary"
	fakeflagger "github.com/fluxcd/flagger/pkg/client/clientset/versioned/fake"
	informers "github.com/fluxcd/flagger/pkg/client/informers/externalversions"
	"github.com/fluxcd/flagger/pkg/controller"
	"github.com/fluxcd/flagger/pkg/metrics/observers"
	"github.com/fluxcd/flagger/pkg/notifier"
	"github.com/fluxcd/flagger/pkg/router"
	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"github.com/judged-dev/judged/compat/conformance/internal/live"
)

// advanceCanary is what Flagger's scheduler does with a Canary once an interval.
// Controller.Run calls it, ten seconds apart at least.
//
//go:linkname advanceCanary github.com/fluxcd/flagger/pkg/controller.(*Controller).advanceCanary
func advanceCanary(c *controller.Controller, name, namespace string)

// cluster is Flagger's controller over a Kubernetes of memory. There is one of a
// process, because its metrics are registered for the process; each test has a
// namespace.
type cluster struct {
	kube    *fake.Clientset
	flagger *fakeflagger.Clientset
	control *controller.Controller
	mesh    router.Interface
}

var theCluster = sync.OnceValue(func() *cluster {
	c := &cluster{kube: fake.NewSimpleClientset(), flagger: fakeflagger.NewSimpleClientset()}
	log := zap.NewNop().Sugar()
	factory := informers.NewSharedInformerFactory(c.flagger, 0).Flagger().V1beta1()
	routers := router.NewFactory(nil, c.kube, c.flagger, nil, "", "", log, c.flagger, true)
	tracker := &canary.ConfigTracker{Logger: log, KubeClient: c.kube, FlaggerClient: c.flagger}
	observer, err := observers.NewFactory("http://localhost") // no test asks it
	if err != nil {
		panic(err)
	}
	c.control = controller.NewController(c.kube, nil, c.flagger, controller.Informers{
		CanaryInformer: factory.Canaries(), MetricInformer: factory.MetricTemplates(), AlertInformer: factory.AlertProviders(),
	}, time.Hour, log, &notifier.NopNotifier{}, canary.NewFactory(c.kube, c.flagger, nil, tracker, []string{"app"}, []string{""}, log),
		routers, observer, "istio", "test", "", "", false, nil)
	c.mesh = routers.MeshRouter("istio", "")
	return c
})

// rollout is the Canary of examples/flagger, whose hooks are those of a live judged.
type rollout struct {
	*cluster

	t         *testing.T
	namespace string
}

var rollouts atomic.Int64

// begin returns a rollout of a new revision, whose canary is about to get its first
// traffic.
func begin(t *testing.T, s *live.Server, namespace, config, side string) rollout {
	t.Helper()
	namespace = fmt.Sprint(namespace, "-", rollouts.Add(1)) // a test may run twice
	r := rollout{theCluster(), t, namespace}
	root, err := live.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(root + "/examples/flagger/canary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cd flaggerv1.Canary
	if err := yaml.UnmarshalStrict(text, &cd); err != nil {
		t.Fatal(err)
	}
	cd.Namespace = namespace
	cd.Spec.Analysis.StepWeight, cd.Spec.Analysis.MaxWeight = 25, 50
	for i := range cd.Spec.Analysis.Webhooks {
		w := &cd.Spec.Analysis.Webhooks[i]
		path, ok := strings.CutPrefix(w.URL, "https://flagger:TOKEN@judged.example.com")
		if !ok {
			t.Fatalf("the example's hook %s calls %s", w.Name, w.URL)
		}
		w.URL = s.Login() + path
		if w.Metadata != nil {
			w.Metadata = &map[string]string{"config": config, "baseline.version": live.Good, "canary.version": side}
		}
	}
	ctx := t.Context()
	if _, err := r.flagger.FlaggerV1beta1().Canaries(namespace).Create(ctx, &cd, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.kube.AppsV1().Deployments(namespace).Create(ctx, deployment(namespace, "1.0.0"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.advance() // initializing
	r.ready("podinfo-primary")
	r.advance()
	r.want(flaggerv1.CanaryPhaseInitialized)
	r.deploy("1.0.1")
	return r
}

// deploy changes the image and brings the rollout to the point before the first
// traffic.
func (r rollout) deploy(version string) {
	r.t.Helper()
	d, err := r.kube.AppsV1().Deployments(r.namespace).Get(r.t.Context(), "podinfo", metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	d.Spec.Template.Spec.Containers[0].Image = "podinfo:" + version
	if _, err := r.kube.AppsV1().Deployments(r.namespace).Update(r.t.Context(), d, metav1.UpdateOptions{}); err != nil {
		r.t.Fatal(err)
	}
	r.advance()
	r.want(flaggerv1.CanaryPhaseProgressing)
	r.ready("podinfo")
}

func deployment(namespace, version string) *appsv1.Deployment {
	labels := map[string]string{"app": "podinfo"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "podinfo", Namespace: namespace},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "podinfo", Image: "podinfo:" + version, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 9898}},
				}}},
			},
		},
	}
}

// ready says what a kubelet would.
func (r rollout) ready(name string) {
	r.t.Helper()
	d, err := r.kube.AppsV1().Deployments(r.namespace).Get(r.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	d.Status = appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
	if _, err := r.kube.AppsV1().Deployments(r.namespace).Update(r.t.Context(), d, metav1.UpdateOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

func (r rollout) advance() { advanceCanary(r.control, "podinfo", r.namespace) }

func (r rollout) canary() *flaggerv1.Canary {
	r.t.Helper()
	c, err := r.flagger.FlaggerV1beta1().Canaries(r.namespace).Get(context.WithoutCancel(r.t.Context()), "podinfo", metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r rollout) weight() int {
	r.t.Helper()
	_, weight, _, err := r.mesh.GetRoutes(r.canary())
	if err != nil {
		r.t.Fatal(err)
	}
	return weight
}

// want fails unless the rollout is in a phase and no check has failed.
func (r rollout) want(phase flaggerv1.CanaryPhase) {
	r.t.Helper()
	if s := r.canary().Status; s.Phase != phase || s.FailedChecks != 0 {
		r.t.Fatalf("phase %s with %d failed checks, want %s with none; canary weight %d", s.Phase, s.FailedChecks, phase, r.weight())
	}
}

// A good release is promoted.
func TestPromotion(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "shop", over())
	r := begin(t, s, "promotion", "shop", live.Better)
	r.advance()
	if a := ended(t, s); verdictOf(a) != "PASS" {
		t.Fatalf("%v", a)
	}
	for _, weight := range []int{25, 50} {
		if got := r.weight(); got != weight {
			t.Errorf("weight %d, want %d", got, weight)
		}
		r.want(flaggerv1.CanaryPhaseProgressing)
		r.advance()
	}
	r.want(flaggerv1.CanaryPhasePromoting)
	for range 3 {
		r.advance()
		r.ready("podinfo-primary")
	}
	r.want(flaggerv1.CanaryPhaseSucceeded)
	primary, err := r.kube.AppsV1().Deployments(r.namespace).Get(t.Context(), "podinfo-primary", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := primary.Spec.Template.Spec.Containers[0].Image; got != "podinfo:1.0.1" {
		t.Errorf("the primary runs %s", got)
	}
	_, audit := s.Call("GET", "/v1/audit", nil)
	if text := fmt.Sprint(audit); !strings.Contains(text, "Promotion completed!") {
		t.Errorf("Flagger's events are not in the audit log: %s", text)
	}
}

// A bad one is rolled back, and the next revision is not: that is what the inverted
// hook is about.
func TestRollback(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "shop", over())
	r := begin(t, s, "rollback", "shop", live.Slow)
	r.advance()
	if a := ended(t, s); verdictOf(a) != "FAIL" {
		t.Fatalf("%v", a)
	}
	r.advance()
	r.want(flaggerv1.CanaryPhaseFailed)
	if got := r.weight(); got != 0 {
		t.Errorf("the canary has %d %% of the traffic", got)
	}
	r.deploy("1.0.2")
	r.advance() // the rollback hook comes before pre-rollout has started an analysis
	r.want(flaggerv1.CanaryPhaseProgressing)
	if all := analyses(t, s); len(all) != 2 {
		t.Errorf("%d analyses of two revisions", len(all))
	}
}

// What cannot be decided is held for a person: neither promoted nor rolled back,
// however often Flagger asks, and without a failed check.
func TestHold(t *testing.T) {
	s := live.Start(t, "")
	store(t, s, "shop", over())
	for verdict, c := range map[string]struct{ config, side string }{"INCONCLUSIVE": {"undecided-shop", live.Better}, "ERROR": {"shop", live.Broken}} {
		r := begin(t, s, "hold-"+strings.ToLower(verdict), c.config, c.side)
		r.advance()
		if a := ended(t, s); verdictOf(a) != verdict {
			t.Fatalf("%v", a)
		}
		weight := r.weight()
		for range 10 {
			r.advance()
			r.want(flaggerv1.CanaryPhaseProgressing)
		}
		if got := r.weight(); got != weight {
			t.Errorf("%s: the weight grew from %d to %d", verdict, weight, got)
		}
	}
}

// While judged looks, traffic grows to its most and waits there; it is promoted when
// judged says PASS. While judged is down, nothing moves.
func TestWaits(t *testing.T) {
	s := live.Start(t, "")
	schedule := live.Brief(15)
	schedule["stop"] = "AT_END"
	store(t, s, "brief", schedule)
	r := begin(t, s, "waits", "brief", live.Better)
	for range 4 {
		r.advance()
	}
	r.want(flaggerv1.CanaryPhaseWaitingPromotion)
	if got := r.weight(); got != 50 {
		t.Errorf("weight %d, want 50", got)
	}
	s.Kill()
	for range 2 {
		r.advance()
		r.want(flaggerv1.CanaryPhaseWaitingPromotion)
	}
	s.Restart()
	if a := ended(t, s); verdictOf(a) != "PASS" {
		t.Fatalf("%v", a)
	}
	r.advance()
	r.want(flaggerv1.CanaryPhasePromoting)
	if n := len(analyses(t, s)); n != 1 {
		t.Errorf("%d analyses", n)
	}
}

// A hook that cannot start an analysis fails the checks of pre-rollout, and Flagger
// rolls back by its own threshold.
func TestNoConfig(t *testing.T) {
	s := live.Start(t, "")
	r := begin(t, s, "no-config", "none", live.Better)
	for range 5 {
		r.advance()
	}
	if got := r.canary().Status.FailedChecks; got != 5 {
		t.Errorf("%d failed checks, want 5", got)
	}
	r.advance()
	if got := r.canary().Status.Phase; got != flaggerv1.CanaryPhaseFailed {
		t.Errorf("phase %s", got)
	}
}
