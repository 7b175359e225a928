package deploy

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// scrapes are where Prometheus looks for the programs, as far as that has to fit docker-compose.yml.
type scrapes struct {
	Jobs []struct {
		Name    string `json:"job_name"`
		Lookups []struct {
			Names []string `json:"names"`
			Port  int      `json:"port"`
		} `json:"dns_sd_configs"`
	} `json:"scrape_configs"`
}

// provisioned is what Grafana is given.
type provisioned struct {
	Datasources []struct {
		UID, URL string
	} `json:"datasources"`
	Providers []struct {
		Options struct{ Path string } `json:"options"`
	} `json:"providers"`
}

func unmarshal(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// target returns where a service finds a file of ours.
func target(p *types.Project, service, file string) string {
	for _, config := range p.Services[service].Configs {
		if strings.HasSuffix(p.Configs[config.Source].File, file) {
			return config.Target
		}
	}
	return ""
}

func TestMetricsOfCompose(t *testing.T) {
	t.Parallel()
	project, _ := readCompose(t)
	t.Run("Prometheus looks where the programs answer", func(t *testing.T) {
		var s scrapes
		unmarshal(t, "prometheus/prometheus.yml", &s)
		var asked []string
		for _, job := range s.Jobs {
			for _, lookup := range job.Lookups {
				asked = append(asked, lookup.Names...)
				for _, name := range lookup.Names {
					service, there := project.Services[name]
					if health := service.Environment["REHOME_HEALTH"]; !there || health == nil || *health != fmt.Sprintf("0.0.0.0:%d", lookup.Port) {
						t.Errorf("%s: %s does not answer other containers on port %d", job.Name, name, lookup.Port)
					}
				}
			}
		}
		slices.Sort(asked)
		if got := strings.Join(asked, " "); got != "aggregator producer sample worker" {
			t.Errorf("it looks for %s", got)
		}
		if target(project, "prometheus", "prometheus.yml") == "" || target(project, "prometheus", "rules.yml") != "/etc/prometheus/rules.yml" {
			t.Error("it does not find its settings or rules")
		}
	})
	t.Run("Grafana finds Prometheus, Jaeger and the dashboard", func(t *testing.T) {
		var g provisioned
		unmarshal(t, "grafana/datasources.yml", &g)
		unmarshal(t, "grafana/dashboards.yml", &g)
		for _, source := range g.Datasources {
			u, err := url.Parse(source.URL)
			if err != nil || source.UID == "" || !slices.Contains([]string{"prometheus", "jaeger"}, u.Hostname()) || project.Services[u.Hostname()].Image == "" {
				t.Errorf("a data source at %s", source.URL)
			}
		}
		dashboard := target(project, "grafana", "grafana/rehome.json")
		if len(g.Providers) != 1 || !strings.HasPrefix(dashboard, g.Providers[0].Options.Path+"/") || *project.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] != dashboard {
			t.Errorf("the dashboard is %q, and Grafana looks elsewhere", dashboard)
		}
		for file, kind := range map[string]string{"datasources.yml": "datasources", "dashboards.yml": "dashboards"} {
			if got := target(project, "grafana", "grafana/"+file); !strings.HasPrefix(got, "/etc/grafana/provisioning/"+kind+"/") {
				t.Errorf("%s is at %q", file, got)
			}
		}
	})
	t.Run("they are started only when they are asked for", func(t *testing.T) {
		for _, name := range []string{"prometheus", "grafana"} {
			if got := project.Services[name].Profiles; !slices.Equal(got, []string{"metrics"}) {
				t.Errorf("%s has the profiles %v", name, got)
			}
		}
	})
}

func TestMetricsOfKubernetes(t *testing.T) {
	t.Parallel()
	objects, faults := readAll(t).build(example)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	t.Run("a Prometheus that goes by annotations finds every program where it listens", func(t *testing.T) {
		var found []string
		for _, o := range objects {
			template := podOf(o)
			if template == nil || template.Annotations["prometheus.io/scrape"] != "true" {
				continue
			}
			found = append(found, o.name)
			container := template.Spec.Containers[0]
			at := slices.IndexFunc(container.Ports, func(p corev1.ContainerPort) bool {
				return fmt.Sprint(p.ContainerPort) == template.Annotations["prometheus.io/port"]
			})
			if at < 0 || container.Ports[at].Name != "health" || template.Annotations["prometheus.io/path"] != "/metrics" {
				t.Errorf("%s: annotations %v, ports %v", o, template.Annotations, container.Ports)
			}
		}
		slices.Sort(found)
		if got := strings.Join(found, " "); got != "aggregator producer worker" {
			t.Errorf("it finds %s", got)
		}
	})
	t.Run("and may ask them", func(t *testing.T) {
		if !has(objects, "NetworkPolicy", "metrics") {
			t.Error("no policy lets it")
		}
	})
}

// typed finds what an alert's next step says to type: a command of ours in quotes, or a part of it behind variables.
var typed = regexp.MustCompile(`(?:\b|")(?:[A-Z_]+=\S+ )*(producer|worker|aggregator) ([^"]*)`)

// alerts are the texts of the rules.
type alerts struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `json:"alert"`
			Annotations map[string]string `json:"annotations"`
		} `json:"rules"`
	} `json:"groups"`
}

func TestAlertsCommands(t *testing.T) {
	t.Parallel()
	var a alerts
	unmarshal(t, "prometheus/rules.yml", &a)
	commands := 0
	for _, group := range a.Groups {
		for _, rule := range group.Rules {
			for quoted := range quotes(rule.Annotations["description"]) {
				found := typed.FindStringSubmatch(quoted)
				if found == nil || strings.HasPrefix(quoted, "docker") || strings.HasPrefix(quoted, "kubectl") {
					continue
				}
				commands++
				for _, fault := range commandFaults(t, found[1], strings.Fields(found[2])) {
					t.Errorf("%s says to type %q: %s", rule.Alert, quoted, fault)
				}
			}
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands were found", commands)
	}
	for _, wrong := range []string{"producer dead lst", "producer pause --because x", "aggregator rapport"} {
		words := strings.Fields(wrong)
		if len(commandFaults(t, words[0], words[1:])) == 0 {
			t.Errorf("nothing is wrong with %q", wrong)
		}
	}
}

// quotes returns what stands in quotes.
func quotes(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i, part := range strings.Split(text, `"`) {
			if i%2 == 1 && !yield(part) {
				return
			}
		}
	}
}

// commandFaults asks a program whether it has the command and the flags.
func commandFaults(t *testing.T, program string, args []string) (faults []string) {
	var command, flags []string
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-"):
			flags = append(flags, arg)
		case len(flags) == 0 && arg == strings.ToLower(arg) && !strings.Contains(arg, "="):
			command = append(command, arg)
		}
	}
	help, err := helpOf(t, program, command)
	if err != nil {
		return []string{err.Error()}
	}
	if usage := strings.Join(append([]string{program}, command...), " "); !strings.Contains(help, "\n  "+usage) {
		faults = append(faults, "there is no "+usage)
	}
	for _, flag := range flags {
		if !strings.Contains(help, flag+" ") && !strings.Contains(help, flag+",") {
			faults = append(faults, "it has no "+flag)
		}
	}
	return faults
}
