package deploy

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// checkObject returns what is wrong with one object beside the others.
func checkObject(t *testing.T, o object, all []object) []string {
	faults := selectorFaults(o, all)
	if o.kind == "ScaledObject" {
		faults = append(faults, scaledFaults(o, all)...)
	}
	template := podOf(o)
	if template == nil {
		return faults
	}
	faults = append(faults, admission(template)...)
	faults = append(faults, podFaults(template.Spec)...)
	faults = append(faults, referenceFaults(template.Spec, all)...)
	for _, c := range template.Spec.Containers {
		for _, fault := range slices.Concat(containerFaults(o, c), programFaults(t, c, all)) {
			faults = append(faults, fmt.Sprintf("container %s: %s", c.Name, fault))
		}
	}
	return faults
}

// podOf returns the pods that an object makes, or nil.
func podOf(o object) *corev1.PodTemplateSpec {
	switch typed := o.typed.(type) {
	case *appsv1.Deployment:
		return &typed.Spec.Template
	case *appsv1.StatefulSet:
		return &typed.Spec.Template
	case *batchv1.Job:
		return &typed.Spec.Template
	case *batchv1.CronJob:
		return &typed.Spec.JobTemplate.Spec.Template
	}
	return nil
}

// admission asks the code by which Kubernetes lets pods into a namespace that is restricted.
func admission(template *corev1.PodTemplateSpec) []string {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	level := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	if result.Allowed {
		return nil
	}
	return []string{"a restricted namespace refuses it: " + result.ForbiddenDetail()}
}

// podFaults finds what admission lets pass, and we do not.
func podFaults(pod corev1.PodSpec) (faults []string) {
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		faults = append(faults, "it gets a token for Kubernetes, which it has no use for")
	}
	if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		faults = append(faults, "variables of the namespace's services mix with its settings")
	}
	if user := pod.SecurityContext.RunAsUser; user == nil || *user == 0 {
		faults = append(faults, "its user is not said")
	}
	grace := 20 * time.Second // the programs' own
	for _, variable := range pod.Containers[0].Env {
		if variable.Name == "REHOME_GRACE" {
			var err error
			if grace, err = time.ParseDuration(variable.Value); err != nil {
				faults = append(faults, "REHOME_GRACE: "+err.Error())
			}
		}
	}
	until := pod.TerminationGracePeriodSeconds
	if until == nil || time.Duration(*until)*time.Second < grace+10*time.Second {
		faults = append(faults, fmt.Sprintf("it is killed before %s are over, which it may take to stop", grace+10*time.Second))
	}
	return faults
}

func containerFaults(o object, c corev1.Container) (faults []string) {
	if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
		faults = append(faults, "its file system can be written to")
	}
	for _, resource := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		low, high := c.Resources.Requests[resource], c.Resources.Limits[resource]
		if low.IsZero() || high.Cmp(low) < 0 {
			faults = append(faults, fmt.Sprintf("it asks for %s of %s and may have %s", low.String(), resource, high.String()))
		}
	}
	if tag := c.Image[strings.LastIndexByte(c.Image, '/')+1:]; tag != "rehome" && !version.MatchString(tag) {
		faults = append(faults, "the image "+c.Image+" has no minor version")
	}
	if o.kind != "Deployment" && o.kind != "StatefulSet" {
		return faults
	}
	for name, probe := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		switch {
		case probe == nil || probe.HTTPGet == nil:
			faults = append(faults, "it has no "+name+" probe")
		case !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == probe.HTTPGet.Port.StrVal }):
			faults = append(faults, fmt.Sprintf("its %s probe asks port %s, which it does not have", name, probe.HTTPGet.Port.String()))
		}
	}
	return faults
}

// programFaults asks a program of ours whether it can be started and asked like that.
func programFaults(t *testing.T, c corev1.Container, all []object) []string {
	image, _, _ := strings.Cut(path.Base(c.Image), ":")
	if image != "rehome" {
		return nil
	}
	shared, variables := environment(c, all)
	start := invocation{
		command: slices.Concat(c.Command, c.Args), variables: slices.Sorted(maps.Keys(variables)), shared: slices.Sorted(maps.Keys(shared)),
	}
	faults := start.faults(t)
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if probe != nil && probe.HTTPGet != nil {
			faults = append(faults, pathFaults(probe.HTTPGet.Path)...)
		}
	}
	for _, port := range c.Ports {
		if !strings.HasSuffix(variables["REHOME_HEALTH"], fmt.Sprintf(":%d", port.ContainerPort)) {
			faults = append(faults, fmt.Sprintf("it does not listen on its port %d", port.ContainerPort))
		}
	}
	if at, err := url.Parse(shared["NATS_URL"]); err != nil || at.Port() == "" || service(all, at.Hostname(), at.Port()) == "" && hasNATS(all) {
		faults = append(faults, fmt.Sprintf("no service answers at %s", shared["NATS_URL"]))
	}
	return faults
}

// environment returns the variables of a container: what it shares with others, and its own. Those whose values come from elsewhere are
// empty.
func environment(c corev1.Container, all []object) (shared, variables map[string]string) {
	shared, variables = map[string]string{}, map[string]string{}
	for _, from := range c.EnvFrom {
		for _, o := range all {
			if from.ConfigMapRef != nil && o.kind == "ConfigMap" && o.name == from.ConfigMapRef.Name {
				maps.Copy(shared, o.typed.(*corev1.ConfigMap).Data)
			}
		}
	}
	for _, variable := range c.Env {
		variables[variable.Name] = variable.Value
	}
	return shared, variables
}
