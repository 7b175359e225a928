package deploy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// kinds are the kinds of objects that are deployed, by their version; those of KEDA are checked by its own schema.
var kinds = map[string]func() any{
	"apps/v1 Deployment":                 func() any { return new(appsv1.Deployment) },
	"apps/v1 StatefulSet":                func() any { return new(appsv1.StatefulSet) },
	"batch/v1 CronJob":                   func() any { return new(batchv1.CronJob) },
	"batch/v1 Job":                       func() any { return new(batchv1.Job) },
	"networking.k8s.io/v1 NetworkPolicy": func() any { return new(networkingv1.NetworkPolicy) },
	"policy/v1 PodDisruptionBudget":      func() any { return new(policyv1.PodDisruptionBudget) },
	"v1 ConfigMap":                       func() any { return new(corev1.ConfigMap) },
	"v1 Namespace":                       func() any { return new(corev1.Namespace) },
	"v1 Service":                         func() any { return new(corev1.Service) },
	"v1 ServiceAccount":                  func() any { return new(corev1.ServiceAccount) },
}

// object is one object that would be sent to Kubernetes.
type object struct {
	kind, name, namespace string
	source                []byte // as YAML
	typed                 any    // nil for those of KEDA
}

func (o object) String() string { return o.kind + " " + o.name }

// manifests is the tree of files below deploy that kustomize reads, in memory.
type manifests struct{ filesys.FileSystem }

func readManifests() (manifests, error) {
	m := manifests{filesys.MakeFsInMemory()}
	for _, dir := range []string{"kubernetes", "nats"} {
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return m.WriteFile("/"+name, content)
		})
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// building lets one build run at a time: kustomize keeps its schema in a variable of the process.
var building sync.Mutex

// build returns what "kubectl apply -k" of a directory would send, each object read strictly: no field of it is unknown.
func (m manifests) build(dir string) (objects []object, faults []string) {
	building.Lock()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(m, dir)
	building.Unlock()
	if err != nil {
		return nil, []string{err.Error()}
	}
	for _, resource := range built.Resources() {
		o := object{kind: resource.GetKind(), name: resource.GetName(), namespace: resource.GetNamespace()}
		if o.source, err = resource.AsYAML(); err != nil {
			return nil, append(faults, fmt.Sprintf("%s: %v", o, err))
		}
		switch made := kinds[resource.GetApiVersion()+" "+o.kind]; {
		case made != nil:
			o.typed = made()
			err = yaml.UnmarshalStrict(o.source, o.typed)
		case resource.GetApiVersion() == kedaVersion:
			err = kedaSchema(o)
		default:
			err = fmt.Errorf("there is no kind %s in %s", o.kind, resource.GetApiVersion())
		}
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", o, err))
		}
		objects = append(objects, o)
	}
	return objects, faults
}

// faults returns what is wrong with what a directory builds.
func (m manifests) faults(t *testing.T, dir string) []string {
	objects, faults := m.build(dir)
	if len(faults) > 0 {
		return faults
	}
	for _, o := range objects {
		for _, fault := range checkObject(t, o, objects) {
			faults = append(faults, fmt.Sprintf("%s: %s", o, fault))
		}
	}
	return faults
}
