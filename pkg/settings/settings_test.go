package settings_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"rehome/pkg/settings"
)

const canary = "Zk9.cAnArY"

const creds = "-----BEGIN NATS USER JWT-----\n" + canary + "\n------END NATS USER JWT------"

// load reads fields from flags and an environment that holds env alone.
func load(t *testing.T, s *settings.Settings, env map[string]string, flags ...string) error {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s.Bind(set)
	if err := set.Parse(flags); err != nil {
		t.Fatalf("parse %v: %v", flags, err)
	}
	return s.Load(func(name string) (string, bool) {
		value, found := env[name]
		return value, found
	})
}

func names(t *testing.T, err error) []string {
	t.Helper()
	faults, ok := errors.AsType[settings.Faults](err)
	if !ok {
		t.Fatalf("error is %v, want Faults", err)
	}
	var names []string
	for _, f := range faults {
		names = append(names, f.Name)
	}
	return names
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	t.Run("all faults of flags, variables and files are reported at once and exit with 2", func(t *testing.T) {
		s := settings.New(settings.SlotCount, settings.MigrationName, settings.ListenOn, settings.HealthOn,
			settings.OutputForm, settings.NATSCreds).Require(settings.LegacyDSN, settings.TargetDSN)
		err := load(t, s, map[string]string{
			"REHOME_SLOTS":          "257",
			"REHOME_MIGRATION":      "Community!",
			"REHOME_LISTEN":         "8080",
			"REHOME_HEALTH_FILE":    "/nowhere/at/all",
			"LEGACY_DSN":            "postgres://u:" + canary + "@h/db",
			"NATS_CREDS":            "/nowhere/" + canary,
			"OTEL_SDK_DISABLED":     "perhaps",
			"REHOME_UNKNOWN_THINGS": "1",
		}, "--output", "yaml")
		want := []string{"REHOME_SLOTS", "REHOME_MIGRATION", "REHOME_LISTEN", "REHOME_HEALTH", "--output", "NATS_CREDS",
			"LEGACY_DSN", "TARGET_DSN"}
		if diff := cmp.Diff(want, names(t, err)); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
		if got := settings.ExitCode(err); got != settings.ExitSettings {
			t.Errorf("exit status is %d, want 2", got)
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("the error shows a secret: %v", err)
		}
		if !strings.Contains(err.Error(), "TARGET_DSN: is not set; give TARGET_DSN, TARGET_DSN_FILE or --target-dsn URL") {
			t.Errorf("the error does not say how to give what is missing: %v", err)
		}
	})

	t.Run("a flag goes before its variable, which goes before the default", func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			env   map[string]string
			flags []string
			want  int
		}{
			{"flag", map[string]string{"REHOME_SLOTS": "3"}, []string{"--slots", "7"}, 7},
			{"flag over a broken pair", map[string]string{"REHOME_SLOTS": "3", "REHOME_SLOTS_FILE": "x"}, []string{"--slots=7"}, 7},
			{"variable", map[string]string{"REHOME_SLOTS": "3"}, nil, 3},
			{"file", map[string]string{"REHOME_SLOTS_FILE": write(t, "5\n")}, nil, 5},
			{"an empty variable counts as not set", map[string]string{"REHOME_SLOTS": "", "REHOME_SLOTS_FILE": write(t, "5\r\n")}, nil, 5},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s := settings.New(settings.SlotCount)
				if err := load(t, s, tt.env, tt.flags...); err != nil {
					t.Fatal(err)
				}
				if s.Slots != tt.want {
					t.Errorf("slots = %d, want %d", s.Slots, tt.want)
				}
			})
		}
	})

	t.Run("slots that find themselves are bounded", func(t *testing.T) {
		s := settings.New(settings.SlotCount)
		if err := load(t, s, nil, "--slots", "auto"); err != nil || !s.SlotsAuto || s.Slots != min(16, 4*runtime.GOMAXPROCS(0)) {
			t.Errorf("%d slots, auto %t: %v", s.Slots, s.SlotsAuto, err)
		}
		if s = settings.New(settings.SlotCount); load(t, s, nil, "--slots", "9") != nil || s.SlotsAuto {
			t.Error("a number is taken for auto")
		}
	})

	t.Run("defaults are one slot per CPU, a dashboard on loopback, no health, 20 seconds to end, text", func(t *testing.T) {
		s := settings.New(settings.SlotCount, settings.ListenOn, settings.HealthOn, settings.GraceTime, settings.OutputForm, settings.DoAgain)
		if err := load(t, s, nil); err != nil {
			t.Fatal(err)
		}
		if s.Slots < 1 || s.Pages.Listen.String() != "127.0.0.1:8080" || !s.Health.IsZero() || s.Grace != 20*time.Second || s.Output != "text" || s.Again {
			t.Errorf("got %d slots, %q, %q, %s, %q, again %t", s.Slots, s.Pages.Listen, s.Health, s.Grace, s.Output, s.Again)
		}
		if len(s.Warnings) > 0 {
			t.Errorf("warnings: %q", s.Warnings)
		}
	})

	t.Run("flags without a variable are read", func(t *testing.T) {
		s := settings.New(settings.ThroughWave, settings.DoAgain, settings.SayYes, settings.ReportFormat, settings.ReportTo).
			Require(settings.MappingFile)
		if err := load(t, s, nil, "-f", "m.yaml", "--through", "casual", "--again", "--yes=false", "--format", "json", "--to", "r.html"); err != nil {
			t.Fatal(err)
		}
		got := []any{s.File, s.Through, s.Again, s.Yes, s.Format, s.To}
		if diff := cmp.Diff([]any{"m.yaml", "casual", true, false, "json", "r.html"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string // in the error
	}{
		{"a variable and its file at once are a fault", map[string]string{"A": canary, "A_FILE": "/" + canary}, "both A and A_FILE are set"},
		{"a file that is not there is a fault that hides the path", map[string]string{"A_FILE": "/" + canary}, "A_FILE names: no such file"},
		{"an empty file is a fault", map[string]string{"A_FILE": write(t, "\n")}, "it is empty"},
		{"a file without end is a fault", map[string]string{"A_FILE": "/dev/zero"}, "it holds more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := environ(tt.env).Lookup("A")
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("error = %v, want one with %q and no value", err, tt.want)
			}
		})
	}

	t.Run("only the trailing line break of a file is trimmed", func(t *testing.T) {
		got, found, err := environ(map[string]string{"A_FILE": write(t, " a\nb \n")}).Lookup("A")
		if got != " a\nb " || !found || err != nil {
			t.Errorf("got %q, %t, %v", got, found, err)
		}
	})
}

func environ(env map[string]string) settings.Environ {
	return func(name string) (string, bool) {
		value, found := env[name]
		return value, found
	}
}

func TestSecretsInFlags(t *testing.T) {
	for flag, value := range map[string]string{
		"legacy-dsn": "mysql://u:" + canary + "@127.0.0.1/db",
		"target-dsn": "postgres://127.0.0.1/db?user=u&password=" + canary,
		"nats-url":   "nats://" + canary + "@127.0.0.1",
		"nats-creds": creds,
	} {
		t.Run("a secret in --"+flag+" is refused and not repeated", func(t *testing.T) {
			s := settings.New(settings.NATSCreds, settings.NATSURL, settings.LegacyDSN, settings.TargetDSN)
			err := load(t, s, map[string]string{"NATS_URL": "nats://127.0.0.1"}, "--"+flag, value)
			if diff := cmp.Diff([]string{"--" + flag}, names(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "list of processes") {
				t.Errorf("error = %v", err)
			}
		})
	}

	t.Run("the same without a password is accepted", func(t *testing.T) {
		s := settings.New(settings.LegacyDSN, settings.TargetDSN, settings.NATSURL)
		err := load(t, s, nil, "--legacy-dsn", "mysql://u@127.0.0.1/db", "--target-dsn", "postgres://u@localhost/db", "--nats-url", "127.0.0.1:4222")
		if err != nil {
			t.Error(err)
		}
	})
}

// holder has its secrets where fmt calls no methods.
type holder struct {
	hidden   settings.Secret
	Shown    settings.Secret
	settings *settings.Settings
	legacy   settings.MySQL
	target   settings.Postgres
	nats     settings.NATS
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	s := settings.New(settings.LegacyDSN, settings.TargetDSN, settings.NATSURL, settings.NATSCreds)
	if err := load(t, s, map[string]string{
		"LEGACY_DSN": "mysql://u:" + canary + "@127.0.0.1/db",
		"TARGET_DSN": "postgres://u:" + canary + "@127.0.0.1/db",
		"NATS_URL":   "nats://u:" + canary + "@127.0.0.1",
		"NATS_CREDS": creds,
	}); err != nil {
		t.Fatal(err)
	}
	refused := settings.New(settings.LegacyDSN)
	_ = load(t, refused, nil, "--legacy-dsn", "mysql://u:"+canary+"@127.0.0.1/db")
	secret := settings.NewSecret(canary)
	hidden := holder{secret, secret, s, *s.Legacy, *s.Target, *s.NATS}
	for name, v := range map[string]any{
		"secret": secret, "pointer": &secret, "holder": hidden, "pointer to holder": &hidden, "refused": refused, "refused by value": *refused, "map": map[string]settings.Secret{"a": secret},
		"settings": s, "settings by value": *s, "legacy": s.Legacy, "target": s.Target, "nats": s.NATS, "nats by value": *s.NATS,
		"legacy by value": *s.Legacy, "target by value": *s.Target,
	} {
		t.Run(name+" shows no secret in any format", func(t *testing.T) {
			var out strings.Builder
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10.3s"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			text, err := json.Marshal(v)
			out.Write(text)
			if err != nil {
				t.Error(err)
			}
			slog.New(slog.NewJSONHandler(&out, nil)).Info("it", "v", v)
			slog.New(slog.NewTextHandler(&out, nil)).Info("it", "v", v)
			for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%d", []byte(canary))} {
				if strings.Contains(out.String(), form) {
					t.Errorf("shown as %s in:\n%s", form, out.String())
				}
			}
		})
	}

	t.Run("a secret is xxxxx in each of its ways out", func(t *testing.T) {
		text, _ := json.Marshal(secret)
		got := []string{secret.String(), secret.GoString(), fmt.Sprintf("%#v", secret), string(text), secret.LogValue().String()}
		if diff := cmp.Diff([]string{"xxxxx", "xxxxx", "xxxxx", `"xxxxx"`, "xxxxx"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("and is there for whom it is meant", func(t *testing.T) {
		if secret.Reveal() != canary || s.Legacy.Config().Passwd != canary || s.NATS.Creds.Reveal() != creds ||
			!strings.Contains(s.Target.Reveal(), canary) || !strings.Contains(s.NATS.Reveal(), canary) {
			t.Error("a secret was lost")
		}
	})

	t.Run("flags listed with their values show none", func(t *testing.T) {
		set := pflag.NewFlagSet("test", pflag.ContinueOnError)
		settings.New(settings.LegacyDSN).Bind(set)
		if err := set.Parse([]string{"--legacy-dsn", "mysql://u:" + canary + "@h/db"}); err != nil {
			t.Fatal(err)
		}
		set.VisitAll(func(f *pflag.Flag) {
			if strings.Contains(f.Value.String()+f.DefValue, canary) {
				t.Errorf("flag %s shows its value", f.Name)
			}
		})
	})
}

func TestCreds(t *testing.T) {
	path := write(t, creds+"\n")
	for name, env := range map[string]map[string]string{
		"NATS_CREDS may be a path":              {"NATS_CREDS": path},
		"NATS_CREDS may be the content":         {"NATS_CREDS": creds},
		"NATS_CREDS_FILE is the content's path": {"NATS_CREDS_FILE": path},
	} {
		t.Run(name, func(t *testing.T) {
			env["NATS_URL"] = "nats://127.0.0.1"
			s := settings.New(settings.NATSURL, settings.NATSCreds)
			if err := load(t, s, env); err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(s.NATS.Creds.Reveal()) != creds {
				t.Errorf("content is %q", s.NATS.Creds.Reveal())
			}
		})
	}

	t.Run("credentials without servers are a fault", func(t *testing.T) {
		err := load(t, settings.New(settings.NATSURL, settings.NATSCreds), map[string]string{"NATS_CREDS": creds})
		if diff := cmp.Diff([]string{"NATS_CREDS"}, names(t, err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
