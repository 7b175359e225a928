package deploy

import (
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// brought are the Secrets that hold what no file here may hold, and that who deploys makes.
var brought = []string{"rehome-producer", "rehome-worker", "rehome-aggregator", "nats-tls"}

func has(all []object, kind, name string) bool {
	return slices.ContainsFunc(all, func(o object) bool { return o.kind == kind && o.name == name })
}

func hasNATS(all []object) bool { return has(all, "StatefulSet", "nats") }

// service returns the name of the port of a service, by its number, or nothing.
func service(all []object, name, port string) string {
	for _, o := range all {
		if s, is := o.typed.(*corev1.Service); is && s.Name == name {
			for _, p := range s.Spec.Ports {
				if strconv.Itoa(int(p.Port)) == port {
					return p.Name
				}
			}
		}
	}
	return ""
}

// referenceFaults looks for all that a pod names.
func referenceFaults(pod corev1.PodSpec, all []object) (faults []string) {
	want := func(kind, name string) {
		if kind == "Secret" && slices.Contains(brought, name) || has(all, kind, name) {
			return
		}
		faults = append(faults, fmt.Sprintf("it names %s %s, which is not there", kind, name))
	}
	want("ServiceAccount", pod.ServiceAccountName)
	volumes := map[string]bool{"data": hasNATS(all)} // of the claim
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
		if volume.ConfigMap != nil {
			want("ConfigMap", volume.ConfigMap.Name)
		}
		if volume.Secret != nil {
			want("Secret", volume.Secret.SecretName)
		}
	}
	for _, c := range pod.Containers {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				want("ConfigMap", from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				want("Secret", from.SecretRef.Name)
			}
		}
		for _, mount := range c.VolumeMounts {
			if !volumes[mount.Name] {
				faults = append(faults, "it mounts "+mount.Name+", which is no volume of it")
			}
		}
		for _, variable := range c.Env {
			if from := variable.ValueFrom; from != nil && (from.SecretKeyRef != nil || from.ConfigMapKeyRef != nil) {
				faults = append(faults, variable.Name+" comes from a key: secrets are files here, settings come all at once")
			}
		}
	}
	return faults
}

// selectorFaults wants what an object selects to be there, and itself to be labelled as ours.
func selectorFaults(o object, all []object) (faults []string) {
	switch typed := o.typed.(type) {
	case *appsv1.Deployment:
		faults = own(typed.Spec.Selector, typed.Spec.Template)
	case *appsv1.StatefulSet:
		faults = own(typed.Spec.Selector, typed.Spec.Template)
	case *corev1.Service:
		faults = chosen(&metav1.LabelSelector{MatchLabels: typed.Spec.Selector}, all)
		for _, port := range typed.Spec.Ports {
			if !hasPort(all, typed.Spec.Selector, port.TargetPort.StrVal) {
				faults = append(faults, "no pod of it has the port "+port.TargetPort.String())
			}
		}
	case *policyv1.PodDisruptionBudget:
		faults = chosen(typed.Spec.Selector, all)
	case *networkingv1.NetworkPolicy:
		faults = chosen(&typed.Spec.PodSelector, all)
	}
	return faults
}

func own(selector *metav1.LabelSelector, template corev1.PodTemplateSpec) []string {
	if matches(selector, template.Labels) {
		return nil
	}
	return []string{"it does not select its own pods"}
}

func chosen(selector *metav1.LabelSelector, all []object) []string {
	for _, o := range all {
		if template := podOf(o); template != nil && matches(selector, template.Labels) {
			return nil
		}
	}
	return []string{"it selects no pod: " + metav1.FormatLabelSelector(selector)}
}

func hasPort(all []object, selector map[string]string, name string) bool {
	for _, o := range all {
		template := podOf(o)
		if template == nil || !matches(&metav1.LabelSelector{MatchLabels: selector}, template.Labels) {
			continue
		}
		for _, c := range template.Spec.Containers {
			if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name }) {
				return true
			}
		}
	}
	return false
}

func matches(selector *metav1.LabelSelector, have map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && !s.Empty() && s.Matches(labels.Set(have))
}
