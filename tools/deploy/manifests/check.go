package main

import (
	"errors"
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
)

// check returns what is wrong with objects that are well formed by themselves.
func (o *objects) check() []error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if (o.stateful == nil) == (o.deployment == nil) || o.service == nil {
		return []error{errors.New("want one StatefulSet or one Deployment, and a Service")}
	}
	if o.config.Data["judged.yaml"] == "" {
		wrong("the ConfigMap has no judged.yaml")
	}
	workload, pod, selector, claims := o.workload()
	if len(pod.Spec.Containers) != 1 {
		return []error{fmt.Errorf("%s has %d containers, want one", workload, len(pod.Spec.Containers))}
	}
	container := pod.Spec.Containers[0]

	for name, s := range o.selectors(selector) {
		if len(s.MatchLabels) == 0 {
			wrong("the selector of %s is empty: it selects every pod", name)
		}
		matches, err := meta.LabelSelectorAsSelector(s)
		if err != nil {
			wrong("the selector of %s: %w", name, err)
		} else if !matches.Matches(labels.Set(pod.Labels)) {
			wrong("the selector of %s does not match the pod's labels %v", name, pod.Labels)
		}
	}
	for key, value := range pod.Labels {
		for _, text := range append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...) {
			wrong("the pod's label %s=%s: %s", key, value, text)
		}
	}

	ports := map[string]bool{}
	for _, p := range container.Ports {
		ports[p.Name] = true
	}
	known := func(who string, port intstr.IntOrString) {
		if !ports[port.StrVal] {
			wrong("%s uses the port %q, which the container does not name", who, port.String())
		}
	}
	served := map[string]bool{}
	for _, p := range o.service.Spec.Ports {
		known("the Service", p.TargetPort)
		served[p.Name] = true
	}
	for name, probe := range map[string]*core.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
		switch {
		case probe == nil:
			wrong("there is no %s probe", name)
		case probe.HTTPGet != nil:
			known("the "+name+" probe", probe.HTTPGet.Port)
		case probe.TCPSocket != nil:
			known("the "+name+" probe", probe.TCPSocket.Port)
		}
	}
	if o.network != nil {
		for _, rule := range o.network.Spec.Ingress {
			for _, p := range rule.Ports {
				if p.Port != nil {
					known("the NetworkPolicy", *p.Port)
				}
			}
		}
	}
	if o.monitor != nil {
		for _, e := range o.monitor.Spec.Endpoints {
			if !served[e.Port] {
				wrong("the ServiceMonitor scrapes the port %q, which the Service does not have", e.Port)
			}
		}
		if got, _ := meta.LabelSelectorAsSelector(&o.monitor.Spec.Selector); got == nil || !got.Matches(labels.Set(o.service.Labels)) {
			wrong("the ServiceMonitor does not select the Service")
		}
	}
	if o.ingress != nil {
		for _, rule := range o.ingress.Spec.Rules {
			if rule.HTTP == nil {
				wrong("the Ingress sends %s nowhere", rule.Host)
				continue
			}
			for _, p := range rule.HTTP.Paths {
				if b := p.Backend.Service; b == nil || b.Name != o.service.Name || !served[b.Port.Name] {
					wrong("the Ingress sends %s%s to what is not the Service", rule.Host, p.Path)
				}
			}
		}
	}

	volumes := map[string]bool{}
	for _, c := range claims {
		volumes[c] = true
	}
	for _, v := range pod.Spec.Volumes {
		if volumes[v.Name] {
			wrong("the volume %s is there twice", v.Name)
		}
		volumes[v.Name] = true
		if v.ConfigMap != nil && v.ConfigMap.Name != o.config.Name {
			wrong("the volume %s is of the ConfigMap %s, which does not exist", v.Name, v.ConfigMap.Name)
		}
	}
	for _, m := range container.VolumeMounts {
		if !volumes[m.Name] {
			wrong("the container mounts the volume %s, which does not exist", m.Name)
		}
		delete(volumes, m.Name)
	}
	for name := range volumes {
		wrong("nobody mounts the volume %s", name)
	}

	or1 := func(n *int32) int32 { return ptr.Deref(n, 1) } // Kubernetes' default
	if s := o.scaler; s != nil && (o.deployment == nil || s.Spec.ScaleTargetRef.Name != o.deployment.Name || or1(s.Spec.MinReplicas) > s.Spec.MaxReplicas) {
		wrong("the HorizontalPodAutoscaler scales %s from %d to %d", s.Spec.ScaleTargetRef.Name, or1(s.Spec.MinReplicas), s.Spec.MaxReplicas)
	}
	if s := o.stateful; s != nil && (or1(s.Spec.Replicas) > 1 || s.Spec.ServiceName != o.service.Name) {
		wrong("the StatefulSet has %d replicas and the service %q, want one and %q", or1(s.Spec.Replicas), s.Spec.ServiceName, o.service.Name)
	}
	if o.account != nil && pod.Spec.ServiceAccountName != o.account.Name {
		wrong("the pod runs as %s, the ServiceAccount is %s", pod.Spec.ServiceAccountName, o.account.Name)
	}
	return append(problems, hardened(pod.Spec, container)...)
}

func (o *objects) workload() (name string, pod core.PodTemplateSpec, selector *meta.LabelSelector, claims []string) {
	if o.deployment != nil {
		return "the Deployment", o.deployment.Spec.Template, o.deployment.Spec.Selector, nil
	}
	for _, c := range o.stateful.Spec.VolumeClaimTemplates {
		claims = append(claims, c.Name)
	}
	return "the StatefulSet", o.stateful.Spec.Template, o.stateful.Spec.Selector, claims
}

// selectors returns everything that must select the pod.
func (o *objects) selectors(workload *meta.LabelSelector) map[string]*meta.LabelSelector {
	s := map[string]*meta.LabelSelector{"the workload": workload, "the Service": {MatchLabels: o.service.Spec.Selector}}
	if o.budget != nil {
		s["the PodDisruptionBudget"] = o.budget.Spec.Selector
	}
	if o.network != nil {
		s["the NetworkPolicy"] = &o.network.Spec.PodSelector
	}
	return s
}

// hardened returns what keeps a pod from the "restricted" Pod Security Standard, or from stopping in peace.
func hardened(pod core.PodSpec, c core.Container) []error {
	var problems []error
	require := func(holds bool, what string) {
		if !holds {
			problems = append(problems, errors.New("the pod's "+what))
		}
	}
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	p, s := pod.SecurityContext, c.SecurityContext
	if p == nil || s == nil {
		return []error{errors.New("the pod or its container has no securityContext")}
	}
	require(is(p.RunAsNonRoot, true), "runAsNonRoot is not true")
	require(p.SeccompProfile != nil && p.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "seccompProfile is not RuntimeDefault")
	require(is(s.AllowPrivilegeEscalation, false), "container may gain privileges")
	require(is(s.ReadOnlyRootFilesystem, true), "root file system can be written")
	require(s.Capabilities != nil && slices.Contains(s.Capabilities.Drop, "ALL") && len(s.Capabilities.Add) == 0, "container has capabilities")
	require(!c.Resources.Limits.Memory().IsZero() && !c.Resources.Requests.Cpu().IsZero(), "container has no memory limit or no CPU request")
	require(is(pod.EnableServiceLinks, false), "enableServiceLinks is not false: a Service called judged sets JUDGED_PORT")
	const stop = 30 // seconds: settings.limits.grace and half of it again
	sleep := int64(0)
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
		sleep = c.Lifecycle.PreStop.Sleep.Seconds
	}
	require(sleep > 0, "container goes before load balancers know")
	require(pod.TerminationGracePeriodSeconds != nil && *pod.TerminationGracePeriodSeconds > stop+sleep, "terminationGracePeriodSeconds cuts a stop short")
	return problems
}
