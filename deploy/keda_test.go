package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/robfig/cron/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"rehome/pkg/mapping"
)

// KEDA's module holds the definitions of its kinds. It is no dependency of ours, which would bring a thousand others: the module alone
// is fetched, and has to be what it was when this was written.
const (
	kedaModule  = "github.com/kedacore/keda/v2@v2.21.0"
	kedaSum     = "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps="
	kedaVersion = "keda.sh/v1alpha1"
)

// kedaDir returns the directory of KEDA's module.
var kedaDir = sync.OnceValues(func() (string, error) {
	output, err := exec.Command("go", "mod", "download", "-json", kedaModule).Output()
	var module struct{ Dir, Sum, Error string }
	if decoded := json.Unmarshal(output, &module); decoded != nil || module.Error != "" {
		return "", fmt.Errorf("fetch %s: %v %v %s", kedaModule, err, decoded, module.Error)
	}
	if module.Sum != kedaSum {
		return "", fmt.Errorf("%s has the sum %s, want %s", kedaModule, module.Sum, kedaSum)
	}
	return module.Dir, err
})

// kedaSchemas returns the schemas of KEDA's kinds, by kind, strict ones: Kubernetes would drop what a kind does not know.
var kedaSchemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	dir, err := kedaDir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "config", "crd", "bases", "keda.sh_*.yaml"))
	if err != nil {
		return nil, err
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, file := range files {
		kind, schema, err := readDefinition(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", filepath.Base(file), err)
		}
		schemas[kind] = schema
	}
	return schemas, nil
})

func readDefinition(file string) (kind string, _ *jsonschema.Schema, _ error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	var definition struct {
		Spec struct {
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema json.RawMessage }
			}
		}
	}
	if err := yaml.Unmarshal(source, &definition); err != nil {
		return "", nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(definition.Spec.Versions[0].Schema.OpenAPIV3Schema))
	if err != nil {
		return "", nil, err
	}
	tighten(document)
	document.(map[string]any)["properties"].(map[string]any)["metadata"] = map[string]any{"type": "object"} // any kind's
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("definition.json", document); err != nil {
		return "", nil, err
	}
	schema, err := compiler.Compile("definition.json")
	return definition.Spec.Names.Kind, schema, err
}

// tighten lets no object of a schema have a field that the schema does not name.
func tighten(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		_, named := s["properties"].(map[string]any)
		_, open := s["additionalProperties"]
		if loose, _ := s["x-kubernetes-preserve-unknown-fields"].(bool); named && !open && !loose {
			s["additionalProperties"] = false
		}
		for _, value := range s {
			tighten(value)
		}
	case []any:
		for _, value := range s {
			tighten(value)
		}
	}
}

func kedaSchema(o object) error {
	schemas, err := kedaSchemas()
	if err != nil {
		return err
	}
	schema := schemas[o.kind]
	if schema == nil {
		return fmt.Errorf("KEDA has no kind %s", o.kind)
	}
	text, err := yaml.YAMLToJSON(o.source)
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(document)
}

// scaled is what we look at of a ScaledObject.
type scaled struct {
	Spec struct {
		ScaleTargetRef                   struct{ Name string }
		MinReplicaCount, MaxReplicaCount int
		Fallback                         struct {
			Replicas int
			Behavior string
		}
		Advanced struct {
			ScalingModifiers struct{ Formula, Target, ActivationTarget string }
		}
		Triggers []trigger
	}
}

type trigger struct {
	Type, Name string
	Metadata   map[string]string
}

func (s scaled) trigger(kind string) trigger {
	for _, t := range s.Spec.Triggers {
		if t.Type == kind {
			return t
		}
	}
	return trigger{}
}

// scaledFaults returns what of a ScaledObject KEDA would find wrong only when it runs, or never.
func scaledFaults(o object, all []object) (faults []string) {
	var s scaled
	if err := yaml.Unmarshal(o.source, &s); err != nil {
		return []string{err.Error()}
	}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !has(all, "Deployment", s.Spec.ScaleTargetRef.Name) {
		fault("it scales %s, which is not there", s.Spec.ScaleTargetRef.Name)
	}
	for _, t := range s.Spec.Triggers {
		keys, err := metadataKeys(t.Type)
		if err != nil {
			fault("trigger %s: %v", t.Name, err)
		}
		for key := range t.Metadata {
			if !slices.Contains(keys, key) {
				fault("trigger %s: KEDA takes no %s, but %s", t.Name, key, strings.Join(keys, ", "))
			}
		}
	}
	lag := s.trigger("nats-jetstream").Metadata
	if want := streamOf(all); lag["stream"] != want || lag["consumer"] != "workers" {
		fault("it asks for the backlog of %s, consumer %s; the tasks are in %s, consumer workers", lag["stream"], lag["consumer"], want)
	}
	host, port, err := net.SplitHostPort(lag["natsServerMonitoringEndpoint"])
	name, rest, _ := strings.Cut(host, ".")
	if namespace, _, _ := strings.Cut(rest, "."); err != nil || hasNATS(all) && service(all, name, port) != "monitor" || o.namespace != "" && namespace != o.namespace {
		fault("it asks %s, where no NATS of the namespace %q tells of itself", lag["natsServerMonitoringEndpoint"], o.namespace)
	}
	if replicas, err := s.replicas(100, 40); err != nil || replicas == 0 {
		fault("the formula gives %d workers for a backlog in the night: %v", replicas, err)
	}
	if _, err := s.night(time.Now()); err != nil {
		fault("the night: %v", err)
	}
	if s.Spec.Fallback.Behavior == "currentReplicas" && s.Spec.Fallback.Replicas == 0 {
		fault("with 0 replicas KEDA sends all workers away before the fallback begins")
	}
	return faults
}

var metadataKey = regexp.MustCompile("`keda:\"name=([A-Za-z]+)")

// metadataKeys returns what a trigger of KEDA's can be told, as its own source says.
func metadataKeys(kind string) (keys []string, _ error) {
	dir, err := kedaDir()
	if err != nil {
		return nil, err
	}
	source, err := os.ReadFile(filepath.Join(dir, "pkg", "scalers", strings.ReplaceAll(kind, "-", "_")+"_scaler.go"))
	if err != nil {
		return nil, fmt.Errorf("KEDA has no trigger %s", kind)
	}
	for _, found := range metadataKey.FindAllSubmatch(source, -1) {
		keys = append(keys, string(found[1]))
	}
	return keys, nil
}

// streamOf returns the stream of the migration that is deployed.
func streamOf(all []object) string {
	for _, o := range all {
		config, is := o.typed.(*corev1.ConfigMap)
		if !is || config.Data["migration.yaml"] == "" {
			continue
		}
		return "REHOME_" + strings.ToUpper(nameOf(config.Data["migration.yaml"])) + "_SHARDS"
	}
	return ""
}

func nameOf(source string) string {
	environment := func(string) (string, bool) { return "mysql://user@host/database", true }
	file, faults := mapping.Parse("migration.yaml", []byte(source), environment)
	if len(faults) > 0 {
		return faults.Err().Error()
	}
	return file.Name.Text
}

// replicas returns how many workers KEDA and Kubernetes come to, for a backlog and the value of the clock's trigger.
func (s scaled) replicas(lag, night float64) (int, error) {
	modifiers := s.Spec.Advanced.ScalingModifiers
	formula := modifiers.Formula
	if !strings.HasPrefix(formula, "float(") {
		formula = "float(" + formula + ")" // as KEDA does
	}
	values := map[string]float64{}
	for _, t := range s.Spec.Triggers {
		values[t.Name] = map[string]float64{"nats-jetstream": lag, "cron": night}[t.Type]
	}
	compiled, err := expr.Compile(formula, expr.Env(values))
	if err != nil {
		return 0, err
	}
	result, err := expr.Run(compiled, values)
	if err != nil {
		return 0, err
	}
	target, err := strconv.ParseFloat(modifiers.Target, 64)
	if err != nil {
		return 0, fmt.Errorf("target: %w", err)
	}
	activation, err := strconv.ParseFloat(modifiers.ActivationTarget, 64)
	if err != nil {
		return 0, fmt.Errorf("activationTarget: %w", err)
	}
	if result.(float64) <= activation {
		return s.Spec.MinReplicaCount, nil
	}
	return min(int(math.Ceil(result.(float64)/target)), s.Spec.MaxReplicaCount), nil
}

// night returns what the clock's trigger says at a time: it is within its window when the end is nearer than the next start.
func (s scaled) night(at time.Time) (float64, error) {
	clock := s.trigger("cron").Metadata
	zone, err := time.LoadLocation(clock["timezone"])
	if err != nil || clock["timezone"] == "" {
		return 0, fmt.Errorf("timezone %q: %v", clock["timezone"], err)
	}
	start, err := cron.ParseStandard(clock["start"])
	if err != nil {
		return 0, fmt.Errorf("start: %w", err)
	}
	end, err := cron.ParseStandard(clock["end"])
	if err != nil {
		return 0, fmt.Errorf("end: %w", err)
	}
	if at = at.In(zone); end.Next(at).Before(start.Next(at)) {
		return strconv.ParseFloat(clock["desiredReplicas"], 64)
	}
	return 0, nil
}
