package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

const example = "/kubernetes/example"

func readAll(t *testing.T) manifests {
	t.Helper()
	m, err := readManifests()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	t.Run("holds together with all components", func(t *testing.T) {
		if faults := readAll(t).faults(t, example); len(faults) > 0 {
			t.Error(strings.Join(faults, "\n"))
		}
	})
	t.Run("holds together without any", func(t *testing.T) {
		if faults := readAll(t).faults(t, "/kubernetes/base"); len(faults) > 0 {
			t.Error(strings.Join(faults, "\n"))
		}
	})
	for _, component := range []string{"keda", "night"} {
		t.Run("holds together with "+component+" alone", func(t *testing.T) {
			m := readAll(t)
			text := "resources: [../kubernetes/base]\ncomponents: [../kubernetes/" + component + "]\n"
			if err := m.WriteFile("/alone/kustomization.yaml", []byte(text)); err != nil {
				t.Fatal(err)
			}
			if faults := m.faults(t, "/alone"); len(faults) > 0 {
				t.Error(strings.Join(faults, "\n"))
			}
		})
	}
	t.Run("has one producer a night in place of the one Job", func(t *testing.T) {
		objects, faults := readAll(t).build(example)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		nightly(t, objects)
	})
	for _, m := range kubernetesMutants {
		t.Run("is refused with "+m.name, func(t *testing.T) {
			t.Parallel()
			refusedIn(t, m)
		})
	}
}

// nightly wants the CronJob to be all that the Job is, and to end when the workers' night does.
func nightly(t *testing.T, objects []object) {
	if has(objects, "Job", "producer") {
		t.Error("the Job is there as well")
	}
	at := slices.IndexFunc(objects, func(o object) bool { return o.kind == "CronJob" })
	if at < 0 {
		t.Fatal("there is no CronJob")
	}
	job := objects[at].typed.(*batchv1.CronJob).Spec
	want := []string{"run", "-f", "/etc/rehome/migration.yaml", "--until=06:00@Europe/Berlin"}
	if diff := cmp.Diff(want, job.JobTemplate.Spec.Template.Spec.Containers[0].Args); diff != "" {
		t.Error(diff)
	}
	if job.JobTemplate.Spec.PodFailurePolicy == nil || job.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		t.Errorf("policies: %+v, %s", job.JobTemplate.Spec.PodFailurePolicy, job.ConcurrencyPolicy)
	}
	clock := scaledIn(t, objects).trigger("cron").Metadata
	if job.Schedule != clock["start"] || *job.TimeZone != clock["timezone"] || clock["end"] != "0 6 * * *" {
		t.Errorf("the producer starts at %s in %s and ends at 06:00; the workers' night is %v", job.Schedule, *job.TimeZone, clock)
	}
}

func scaledIn(t *testing.T, objects []object) (s scaled) {
	t.Helper()
	at := slices.IndexFunc(objects, func(o object) bool { return o.kind == "ScaledObject" })
	if at < 0 {
		t.Fatal("there is no ScaledObject")
	}
	if err := yaml.Unmarshal(objects[at].source, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// kubernetesMutants change a file, which is the first word of their names.
var kubernetesMutants = []mutant{
	{"base/worker.yaml: a probe that is misspelled", "readinessProbe:", "readynessProbe:", "readynessProbe"},
	{"base/worker.yaml: a field in the wrong place", "      containers:", "      replicas: 2\n      containers:", "replicas"},
	{"base/worker.yaml: a path that nobody answers", "path: /readyz", "path: /ready", "/ready with 404"},
	{"base/worker.yaml: a port of another name", "{path: /readyz, port: health}", "{path: /readyz, port: healthy}", "healthy"},
	{"base/worker.yaml: root", "runAsUser: 65532", "runAsUser: 0", "runAsUser=0"},
	{"base/worker.yaml: rights that it has no use for", "capabilities: {drop: [ALL]}", "capabilities: {add: [NET_ADMIN], drop: [ALL]}", "NET_ADMIN"},
	{"base/worker.yaml: no profile of system calls", "        seccompProfile: {type: RuntimeDefault}\n", "", "seccomp"},
	{"base/worker.yaml: a file system to write to", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can be written to"},
	{"base/worker.yaml: a Secret that is not there", "secretName: rehome-worker", "secretName: rehome-workers", "Secret rehome-workers"},
	{"base/worker.yaml: a volume that is not there", "{name: secrets, mountPath", "{name: secret, mountPath", "mounts secret"},
	{"base/worker.yaml: a variable that it does not read", "name: LEGACY_DSN_FILE", "name: LEGACY_DNS_FILE", "does not read LEGACY_DNS_FILE"},
	{"base/worker.yaml: a program that the image does not have", "command: [worker]", "command: [rehome-worker]", "no program rehome-worker"},
	{"base/worker.yaml: an argument that it does not take", "command: [worker]", "command: [worker, --slot=2]", "--slot"},
	{"base/worker.yaml: a time to stop that is too short", "terminationGracePeriodSeconds: 90", "terminationGracePeriodSeconds: 60", "killed before"},
	{"base/worker.yaml: another port than it listens on", `value: "0.0.0.0:8081"`, `value: "0.0.0.0:8082"`, "does not listen on its port 8081"},
	{"base/worker.yaml: pods that it does not select", "labels: {app.kubernetes.io/component: worker}", "labels: {app.kubernetes.io/component: workers}", "its own pods"},
	{"base/worker.yaml: a token", "      automountServiceAccountToken: false\n", "", "token"},
	{"base/worker.yaml: an amount that is none", "memory: 512Mi", "memory: 512Mo", "quantities"},
	{"base/worker.yaml: a limit below what is promised", "memory: 768Mi", "memory: 256Mi", "may have 256Mi"},
	{"base/aggregator.yaml: a service of nobody", "  selector: {app.kubernetes.io/component: aggregator}", "  selector: {app.kubernetes.io/component: agregator}", "selects no pod"},
	{"base/aggregator.yaml: a setting of the producer", "name: TARGET_DSN_FILE", "name: NATS_REPLICASS", "does not read NATS_REPLICASS"},
	{"base/producer.yaml: a command that there is not", "args: [run, -f", "args: [start, -f", "start"},
	{"base/producer.yaml: a flag that there is not", "args: [run, -f", "args: [run, --file-name", "--file-name"},
	{"base/producer.yaml: a rule that is misspelled", "onExitCodes:", "onExitCode:", "onExitCode"},
	{"base/kustomization.yaml: a setting that nobody reads", "REHOME_MIGRATION=", "REHOME_MIGRATON=", "no program reads REHOME_MIGRATON"},
	{"base/kustomization.yaml: a file that is not there", "- worker.yaml", "- workers.yaml", "workers.yaml"},
	{"base/kustomization.yaml: a server that is not there", "tls://nats:4222", "tls://nat:4222", "no service answers at tls://nat:4222"},
	{"keda/scaledobject.yaml: a key that is misspelled", "pollingInterval:", "pollIntervall:", "pollIntervall"},
	{"keda/scaledobject.yaml: a behaviour that there is not", "behavior: currentReplicas", "behavior: current", "behavior"},
	{"keda/scaledobject.yaml: a trigger's key that is misspelled", "lagThreshold:", "lagTreshold:", "no lagTreshold"},
	{"keda/scaledobject.yaml: a trigger that there is not", "type: nats-jetstream", "type: nats-jetstreams", "no trigger nats-jetstreams"},
	{"keda/scaledobject.yaml: another consumer", "consumer: workers", "consumer: worker", "consumer workers"},
	{"keda/scaledobject.yaml: another namespace", "nats.rehome.svc", "nats.default.svc", "no NATS of the namespace"},
	{"keda/scaledobject.yaml: another port", "local:8222", "local:4222", "no NATS of the namespace"},
	{"keda/scaledobject.yaml: a formula of a trigger that there is not", "night > 1 ? lag : 0", "nights > 1 ? lag : 0", "unknown name nights"},
	{"keda/scaledobject.yaml: a formula that never gives a worker", "night > 1 ? lag : 0", "night > 40 ? lag : 0", "gives 0 workers"},
	{"keda/scaledobject.yaml: a zone that there is not", "timezone: Europe/Berlin", "timezone: Europe/Bärlin", "Bärlin"},
	{"keda/scaledobject.yaml: a target that is not there", "scaleTargetRef: {name: worker}", "scaleTargetRef: {name: workers}", "scales workers"},
	{"keda/scaledobject.yaml: a fallback that sends all away", "replicas: 1, behavior", "replicas: 0, behavior", "sends all workers away"},
	{"example/kustomization.yaml: the stream of another migration", "value: REHOME_COMMUNITY_SHARDS", "value: REHOME_COMUNITY_SHARDS", "the tasks are in REHOME_COMMUNITY_SHARDS"},
	{"example/kustomization.yaml: a component that is not there", "- ../keda", "- ../kedda", "kedda"},
	{"example/kustomization.yaml: an image of any version", "newTag: v0.3.0", "newTag: latest", "has no minor version"},
	{"example/kustomization.yaml: users that nobody names", "name: nats-users ", "name: nats-user ", "ConfigMap nats-users"},
	{"nats/server.yaml: a port that is not there", "targetPort: monitor", "targetPort: monitoring", "no pod of it has the port monitoring"},
	{"nats/server.yaml: any image", "image: nats:2.15-alpine", "image: nats:latest", "has no minor version"},
	{"nats/kustomization.yaml: a file outside", "files: [nats.conf]", "files: [../../Dockerfile]", "Dockerfile"},
}

func refusedIn(t *testing.T, m mutant) {
	all := readAll(t)
	file, _, _ := strings.Cut(m.name, ":")
	source, err := all.ReadFile("/kubernetes/" + file)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, source, m, func(text []byte) []string {
		if err := all.WriteFile("/kubernetes/"+file, text); err != nil {
			t.Fatal(err)
		}
		return all.faults(t, example)
	})
}

func TestScaling(t *testing.T) {
	t.Parallel()
	objects, faults := readAll(t).build(example)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := scaledIn(t, objects)
	for _, tt := range []struct {
		name, at string
		lag      float64
		want     int
	}{
		{"by day no worker comes, whatever the backlog", "2026-11-22T14:00:00+01:00", 5000, 0},
		{"in the night as many as the backlog wants", "2026-11-22T23:00:00+01:00", 31, 16},
		{"in the night no more than the databases bear", "2026-11-22T23:00:00+01:00", 5000, 40},
		{"behind midnight it is still night", "2026-11-23T05:59:00+01:00", 5000, 40},
		{"the last shard has a worker", "2026-11-22T23:00:00+01:00", 1, 1},
		{"in the night none when nothing is left", "2026-11-22T23:00:00+01:00", 0, 0},
		{"at the end of the night all go", "2026-11-23T06:00:01+01:00", 5000, 0},
		{"summer's clock counts as well", "2026-07-01T20:30:00Z", 5000, 40},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			night, err := s.night(at)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.replicas(tt.lag, night)
			if err != nil || got != tt.want {
				t.Errorf("%d workers, error %v; want %d", got, err, tt.want)
			}
		})
	}
}
