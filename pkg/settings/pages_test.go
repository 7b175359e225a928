package settings_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/sandbox"
	"rehome/pkg/settings"
)

func TestPages(t *testing.T) {
	t.Parallel()
	cert, key := sandbox.Certificate(t)
	_, other := sandbox.Certificate(t)
	for name, tt := range map[string]struct {
		env    map[string]string
		flags  []string
		faults string // their names
		says   string
	}{
		"nothing":                              {},
		"off":                                  {env: map[string]string{"REHOME_LISTEN": "off"}},
		"a loopback of another kind":           {env: map[string]string{"REHOME_LISTEN": "[::1]:0"}},
		"other machines in the clear":          {map[string]string{"REHOME_LISTEN": "0.0.0.0:8080"}, nil, "REHOME_LISTEN", "REHOME_BEHIND_PROXY=true where a proxy encrypts"},
		"a name that may be anywhere":          {map[string]string{"REHOME_LISTEN": "rehome.example:8080"}, nil, "REHOME_LISTEN", "other machines"},
		"behind a proxy":                       {env: map[string]string{"REHOME_LISTEN": ":8080", "REHOME_BEHIND_PROXY": "true"}},
		"with a certificate":                   {env: map[string]string{"REHOME_LISTEN": ":8080", "REHOME_TLS_CERT": cert, "REHOME_TLS_KEY": key}},
		"with another's key":                   {map[string]string{"REHOME_TLS_CERT": cert, "REHOME_TLS_KEY": other}, nil, "REHOME_TLS_CERT", "no certificate with its private key"},
		"with a certificate alone":             {map[string]string{"REHOME_TLS_CERT": cert}, nil, "REHOME_TLS_CERT", "belong together"},
		"with a file that is not there":        {map[string]string{"REHOME_TLS_CERT": "/nowhere", "REHOME_TLS_KEY": key}, nil, "REHOME_TLS_CERT", "no such file"},
		"a token":                              {env: map[string]string{"REHOME_TOKEN": strings.Repeat("x", 16)}},
		"a short one":                          {map[string]string{"REHOME_TOKEN": canary[:min(len(canary), 8)]}, nil, "REHOME_TOKEN", "fewer than 16"},
		"one that everybody can read":          {nil, []string{"--token", canary + canary + canary}, "--token", "list of processes"},
		"names":                                {env: map[string]string{"REHOME_ALLOW_HOST": "rehome.example, pages.example:8443"}},
		"a pattern":                            {map[string]string{"REHOME_ALLOW_HOST": "*.example"}, nil, "REHOME_ALLOW_HOST", "is not a host's name"},
		"an address of traces":                 {env: map[string]string{"REHOME_TRACE_URL": "https://jaeger.example/trace/{trace_id}"}},
		"an address of traces without a place": {map[string]string{"REHOME_TRACE_URL": "https://jaeger.example/"}, nil, "REHOME_TRACE_URL", "{trace_id}"},
		"one that runs a script":               {map[string]string{"REHOME_TRACE_URL": "javascript:alert({trace_id})"}, nil, "REHOME_TRACE_URL", "is not the address"},
		"one with a password":                  {map[string]string{"REHOME_TRACE_URL": "https://u:" + canary + "@h/{trace_id}"}, nil, "REHOME_TRACE_URL", "password"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings.New(settings.TraceURL).WithPages()
			err := load(t, s, tt.env, tt.flags...)
			if tt.faults == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || strings.Join(names(t, err), " ") != tt.faults || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("what is not said is 127.0.0.1:8080, or any port where that is taken", func(t *testing.T) {
		s := settings.New().WithPages()
		if err := load(t, s, nil); err != nil || s.Pages.Listen.String() != "127.0.0.1:8080" || !s.Pages.Any || !s.Pages.Local() {
			t.Errorf("%+v, %v", s.Pages, err)
		}
		s = settings.New().WithPages()
		env := map[string]string{"REHOME_LISTEN": "127.0.0.1:8080", "REHOME_ALLOW_HOST": "a.example,b.example"}
		if err := load(t, s, env); err != nil || s.Pages.Any || !cmp.Equal(s.Pages.Hosts, []string{"a.example", "b.example"}) {
			t.Errorf("%+v, %v", s.Pages, err)
		}
	})
}
