package prometheus

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/dns" // which the settings use
	"github.com/prometheus/prometheus/model/rulefmt"
)

const rulesFile = "rules.yml"

func readRules(t *testing.T) *rulefmt.RuleGroups {
	t.Helper()
	groups, errs := rulefmt.ParseFile(rulesFile, false, model.LegacyValidation)
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	return groups
}

// withRules adds what the rules record to the inventory, with the labels that the outermost aggregation leaves.
func withRules(t *testing.T) inventory {
	t.Helper()
	known := readInventory(t)
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			if rule.Record != "" {
				known[rule.Record] = []string{"migration"}
			}
		}
	}
	return known
}

func TestSelectors(t *testing.T) {
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := os.ReadFile("../kubernetes/base/worker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`--selector (\S+)=(\w+)`).FindAllStringSubmatch(string(rules), -1)
	for _, selector := range found {
		if label := selector[1] + ": " + selector[2] + "}"; !strings.Contains(string(worker), label) {
			t.Errorf("no worker has the label %s", label)
		}
	}
	if len(found) == 0 {
		t.Error("no command selects pods")
	}
}

func TestSettings(t *testing.T) {
	c, err := config.LoadFile("prometheus.yml", false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("all three programs are scraped, and each of the workers", func(t *testing.T) {
		jobs, err := c.GetScrapeConfigs()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, job := range jobs {
			names = append(names, job.JobName)
			if job.MetricsPath != "/metrics" || len(job.ServiceDiscoveryConfigs) != 1 || job.ServiceDiscoveryConfigs[0].Name() != "dns" {
				t.Errorf("%s is scraped at %s", job.JobName, job.MetricsPath)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != "rehome-aggregator rehome-producer rehome-worker" {
			t.Errorf("jobs: %s", got)
		}
	})
	t.Run("its rules are there", func(t *testing.T) {
		for _, file := range c.RuleFiles {
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		}
	})
}

// command finds what an annotation says to type.
var command = regexp.MustCompile(`"[A-Za-z][^"]* [^"]*"`)

func TestRules(t *testing.T) {
	known := withRules(t)
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			t.Run(rule.Record+rule.Alert, func(t *testing.T) {
				for _, fault := range known.faults(t, rule.Expr) {
					t.Error(fault)
				}
				if rule.Alert == "" {
					return
				}
				description := rule.Annotations["description"]
				if !slices.Contains([]string{"page", "ticket"}, rule.Labels["severity"]) || rule.Annotations["summary"] == "" {
					t.Errorf("severity %q, summary %q", rule.Labels["severity"], rule.Annotations["summary"])
				}
				if !command.MatchString(description) {
					t.Errorf("it names no command: %s", description)
				}
			})
		}
	}
}

// board is what of a dashboard asks Prometheus for something.
type board struct {
	UID    string
	Panels []struct {
		ID      int
		Title   string
		Type    string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, RefID string }
	}
	Templating struct {
		List []struct {
			Name  string
			Query json.RawMessage
		}
	}
}

// variables are what Grafana puts into an expression, as it could be.
var variables = strings.NewReplacer("$migration", "night", "$phase", "copy", "$__rate_interval", "1m")

func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../grafana/rehome.json")
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	known := withRules(t)
	t.Run("each panel asks for what is told, and stands on the grid by itself", func(t *testing.T) {
		taken := map[[2]int]string{}
		for _, p := range b.Panels {
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s asks for nothing", p.Title)
			}
			for _, target := range p.Targets {
				expression := variables.Replace(target.Expr)
				if strings.Contains(expression, "$") {
					t.Errorf("%s: %s has a variable that is not known", p.Title, expression)
				}
				for _, fault := range known.faults(t, expression) {
					t.Errorf("%s: %s", p.Title, fault)
				}
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s lies on %q, or beside the grid", p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	})
	t.Run("its variables are those of the expressions", func(t *testing.T) {
		var names []string
		for _, v := range b.Templating.List {
			names = append(names, v.Name)
		}
		if got := strings.Join(names, " "); got != "datasource migration phase" || !strings.Contains(string(b.Templating.List[1].Query), "rehome_progress_users") {
			t.Errorf("variables: %s", got)
		}
	})
	t.Run("all that the programs export is shown, but for what is the same in another form", func(t *testing.T) {
		unshown := []string{"go_memory_heap_bytes", "rehome_slots", "rehome_stream_messages"}
		for name := range readInventory(t) {
			plain := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
			if _, histogram := readInventory(t)[plain+"_bucket"]; histogram {
				name = plain
			}
			if !regexp.MustCompile(`\b`+name+`(_bucket|_sum|\b)`).Match(text) && !slices.Contains(unshown, name) {
				t.Errorf("%s is shown nowhere", name)
			}
		}
	})
}
