package settings

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
)

// The settings of the dashboard.
const (
	ListenOn    Field = "listen"       // REHOME_LISTEN
	PagesToken  Field = "token"        // REHOME_TOKEN
	PagesCert   Field = "tls-cert"     // REHOME_TLS_CERT
	PagesKey    Field = "tls-key"      // REHOME_TLS_KEY
	BehindProxy Field = "behind-proxy" // REHOME_BEHIND_PROXY
	AllowHost   Field = "allow-host"   // REHOME_ALLOW_HOST
	TraceURL    Field = "trace-url"    // REHOME_TRACE_URL
)

// Words of ListenOn.
const (
	listenAuto = "auto"
	listenOff  = "off"
)

// Pages is how the dashboard is served.
type Pages struct {
	Listen Address  // zero where it is off
	Any    bool     // where another process has the address, any free port of this machine will do
	Token  Secret   // by which somebody signs in; empty where one is to be drawn
	Cert   string   // path of a certificate (PEM); empty without TLS
	Key    string   // path of its key
	Proxy  bool     // whoever asks comes through a proxy, which says who they are
	Hosts  []string // names by which the dashboard may be asked for
}

// Local reports whether no other machine can reach the address.
func (p *Pages) Local() bool { return isLoopback(p.Listen.Host) }

// placeOfTrace stands for a trace's id in TraceURL.
const placeOfTrace = "{trace_id}"

// shortestToken is the least that cannot be guessed.
const shortestToken = 16

// WithPages adds the fields of the dashboard. It returns s.
func (s *Settings) WithPages() *Settings {
	return s.add(false, []Field{ListenOn, PagesToken, PagesCert, PagesKey, BehindProxy, AllowHost})
}

var pageSpecs = []spec{
	{field: ListenOn, env: "REHOME_LISTEN", placeholder: "HOST:PORT", usage: "where the dashboard listens; auto is 127.0.0.1:8080, or another port where that is taken; or off",
		standard: func() string { return listenAuto }, apply: applyListen},
	{field: PagesToken, env: "REHOME_TOKEN", placeholder: "TOKEN", usage: "by which people sign in to the dashboard, 16 characters or more; drawn at each start where it is not given",
		secretIn: func(string) bool { return true }, apply: applyToken},
	{field: PagesCert, env: "REHOME_TLS_CERT", placeholder: "FILE", usage: "certificate of the dashboard (PEM); read again when it has changed",
		apply: text(func(s *Settings) *string { return &s.Pages.Cert })},
	{field: PagesKey, env: "REHOME_TLS_KEY", placeholder: "FILE", usage: "private key of that certificate", secretIn: isPEM,
		apply: text(func(s *Settings) *string { return &s.Pages.Key })},
	{field: BehindProxy, env: "REHOME_BEHIND_PROXY", placeholder: "bool", boolean: true,
		usage: "the dashboard is reached through a proxy alone, which encrypts, and whose X-Forwarded-For, -Host and -Proto are believed",
		apply: yesNo(func(s *Settings) *bool { return &s.Pages.Proxy })},
	{field: AllowHost, env: "REHOME_ALLOW_HOST", placeholder: "NAME,...", usage: "names by which the dashboard may be asked for, beside localhost and addresses", apply: applyHosts},
	{field: TraceURL, env: "REHOME_TRACE_URL", placeholder: "URL", usage: "where a trace is shown, as in http://127.0.0.1:16686/trace/" + placeOfTrace, apply: applyTraceURL},
}

func applyListen(s *Settings, text string) []string {
	switch text {
	case listenOff:
		return nil
	case listenAuto:
		s.Pages.Any = true
		text = "127.0.0.1:8080"
	}
	address, err := ParseAddress(text)
	if err != nil {
		return []string{err.Error() + ", auto or off"}
	}
	s.Pages.Listen = address
	return nil
}

func applyToken(s *Settings, text string) []string {
	if len(text) < shortestToken {
		return []string{fmt.Sprintf("has fewer than %d characters: openssl rand -hex 16 draws one that nobody guesses", shortestToken)}
	}
	s.Pages.Token = NewSecret(text)
	return nil
}

func applyHosts(s *Settings, text string) []string {
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsAny(name, "/@* \t") {
			return []string{quote(name) + " is not a host's name, as in rehome.example; several are separated by commas"}
		}
		s.Pages.Hosts = append(s.Pages.Hosts, name)
	}
	return nil
}

func applyTraceURL(s *Settings, text string) []string {
	u, err := url.Parse(strings.ReplaceAll(text, placeOfTrace, "0"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !strings.Contains(text, placeOfTrace) {
		return []string{"is not the address of a trace with " + placeOfTrace + " in it, as in http://127.0.0.1:16686/trace/" + placeOfTrace}
	}
	if _, given := u.User.Password(); given {
		return []string{"holds a password, which the pages would show"}
	}
	s.TraceURL = text
	return nil
}

// joinPages completes Pages, whose settings are read apart.
func (s *Settings) joinPages() (faults Faults) {
	fault := func(name, problem string) { faults = append(faults, Fault{Name: name, Problem: problem}) }
	p := &s.Pages
	switch _, err := tls.LoadX509KeyPair(p.Cert, p.Key); {
	case p.Cert == "" && p.Key == "":
	case p.Cert == "" || p.Key == "":
		fault("REHOME_TLS_CERT", "and REHOME_TLS_KEY belong together, and one of them is missing")
	case err != nil:
		fault("REHOME_TLS_CERT", fmt.Sprintf("and REHOME_TLS_KEY name no certificate with its private key: %s", withoutPath(err)))
	}
	if !p.Listen.IsZero() && !p.Local() && p.Cert == "" && p.Key == "" && !p.Proxy {
		fault("REHOME_LISTEN", fmt.Sprintf("%s can be reached from other machines, and nothing keeps the token from who listens on the way: give REHOME_TLS_CERT and REHOME_TLS_KEY, "+
			"or REHOME_BEHIND_PROXY=true where a proxy encrypts, or listen on 127.0.0.1 and come through ssh -L", p.Listen))
	}
	return faults
}
