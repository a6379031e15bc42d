package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// objects is one rendering of the chart, each kind at most once. Exactly one of stateful and deployment is set.
type objects struct {
	names      []string
	config     core.ConfigMap
	stateful   *apps.StatefulSet
	deployment *apps.Deployment
	service    *core.Service
	account    *core.ServiceAccount
	scaler     *autoscaling.HorizontalPodAutoscaler
	budget     *policy.PodDisruptionBudget
	network    *networking.NetworkPolicy
	ingress    *networking.Ingress
	monitor    *monitoring.ServiceMonitor
}

// largest bounds a rendering, in bytes: the chart's have some ten thousand.
const largest = 4 << 20

// read decodes a stream of YAML documents.
func read(in io.Reader) (*objects, error) {
	o := &objects{}
	documents := yamlreader.NewYAMLReader(bufio.NewReader(io.LimitReader(in, largest)))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return nil, err
		}
		var head meta.PartialObjectMetadata
		if err := yaml.Unmarshal(text, &head); err != nil {
			return nil, err
		}
		if head.Kind == "" {
			continue // only comments
		}
		name := head.APIVersion + " " + head.Kind + " " + head.Name
		object, err := o.place(head.APIVersion + " " + head.Kind)
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		o.names = append(o.names, name)
	}
}

// place returns where an object of a kind belongs.
func (o *objects) place(kind string) (runtime.Object, error) {
	switch kind {
	case "v1 ConfigMap":
		return &o.config, nil
	case "v1 Service":
		o.service = &core.Service{}
		return o.service, nil
	case "v1 ServiceAccount":
		o.account = &core.ServiceAccount{}
		return o.account, nil
	case "apps/v1 StatefulSet":
		o.stateful = &apps.StatefulSet{}
		return o.stateful, nil
	case "apps/v1 Deployment":
		o.deployment = &apps.Deployment{}
		return o.deployment, nil
	case "autoscaling/v2 HorizontalPodAutoscaler":
		o.scaler = &autoscaling.HorizontalPodAutoscaler{}
		return o.scaler, nil
	case "policy/v1 PodDisruptionBudget":
		o.budget = &policy.PodDisruptionBudget{}
		return o.budget, nil
	case "networking.k8s.io/v1 NetworkPolicy":
		o.network = &networking.NetworkPolicy{}
		return o.network, nil
	case "networking.k8s.io/v1 Ingress":
		o.ingress = &networking.Ingress{}
		return o.ingress, nil
	case "monitoring.coreos.com/v1 ServiceMonitor":
		o.monitor = &monitoring.ServiceMonitor{}
		return o.monitor, nil
	default:
		return nil, fmt.Errorf("the chart has a %s, which this check does not know: add it to read.go, and what must hold to check.go", kind)
	}
}
