package dashboard

import (
	"errors"
	"net"
	"net/netip"
	"strings"
)

// shortestToken is how many characters a token has at least.
const shortestToken = 16

// Access is who may reach the dashboard, and how. Where it can be reached from elsewhere than this machine, TLS or Proxied has to be set.
type Access struct {
	Loopback bool     // it listens on an address that other machines cannot reach
	TLS      bool     // it is reached by TLS alone
	Proxied  bool     // whoever asks comes through a proxy, whose X-Forwarded-For, -Host and -Proto are believed
	Token    string   // by which somebody signs in, 16 characters or more
	Hosts    []string // names by which it may be asked for, beside localhost and addresses
}

func (a *Access) check() error {
	switch {
	case len(a.Token) < shortestToken:
		return errors.New("serve the dashboard: the token has fewer than 16 characters")
	case !a.Loopback && !a.TLS && !a.Proxied:
		return errors.New("serve the dashboard to other machines: neither TLS nor a proxy keeps the token from who listens on the way")
	}
	return nil
}

// open reports whether somebody may read without the token. Behind a proxy on the same machine everybody seems to be on it.
func (a *Access) open() bool { return a.Loopback && !a.Proxied }

// allows reports whether the dashboard goes by the host of a request. A name that it does not know may be one whose owner has had it point here, so that a page of
// theirs counts as of the same origin; nobody can do that with an address.
func (a *Access) allows(host string) bool {
	name := hostName(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if name == "localhost" {
		return true
	}
	for _, allowed := range a.Hosts {
		if name == hostName(allowed) {
			return true
		}
	}
	return false
}

// hostName is the name of HOST or HOST:PORT in one spelling.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
