package dashboard

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// A guard stands before all that is answered: it keeps strange names and other sites out, and says what a browser may do with what it gets.
type guard struct {
	access Access
	cross  *http.CrossOriginProtection
}

func newGuard(a Access) *guard {
	g := &guard{access: a, cross: http.NewCrossOriginProtection()}
	g.cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(w, r, errCrossSite) }))
	return g
}

var errCrossSite = &problem{http.StatusForbidden, "another site has sent this request, and the dashboard takes none from there: open its own page"}

// policy is what the pages may do: nothing but what this server gives them, and no other site may frame them.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// headers stand on every answer. What the API says is kept by nobody; assets replace that.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cache-Control":                "no-store",
}

func (g *guard) handler(next http.Handler) http.Handler {
	checked := g.cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		// A server's own deadlines would end what takes its time. Each is set anew with each request, and by streams as they go.
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(actWithin + answerWithin)) // where it cannot be set there is none
		if g.access.Proxied {
			r = forwarded(r)
		}
		switch {
		case !g.access.allows(r.Host):
			fail(w, r, &problem{http.StatusMisdirectedRequest, fmt.Sprintf("the dashboard does not go by the name of %q: ask by its address, or let the aggregator know the name "+
				"with --allow-host or REHOME_ALLOW_HOST", hostName(r.Host))})
		case strings.HasPrefix(r.URL.Path, "/api/") && r.Header.Get("Sec-Fetch-Site") == "cross-site":
			fail(w, r, errCrossSite) // also what only reads: to see how long an answer takes would be telling
		default:
			checked.ServeHTTP(w, r)
		}
	})
}

// forwarded is the request as the proxy got it. Of a list of addresses the proxy itself has added the last one.
func forwarded(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	if host := lastOf(r.Header, "X-Forwarded-Host"); host != "" {
		r.Host = host
	}
	if from, err := netip.ParseAddr(hostName(lastOf(r.Header, "X-Forwarded-For"))); err == nil {
		r.RemoteAddr = from.String()
	}
	if lastOf(r.Header, "X-Forwarded-Proto") == "https" {
		r.URL.Scheme = "https"
	}
	return r
}

// lastOf is the last element of a header's list, which may stand in several lines: some proxies add one of their own below what they were sent.
func lastOf(header http.Header, name string) string {
	lines := header.Values(name)
	if len(lines) == 0 {
		return ""
	}
	list := lines[len(lines)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// encrypted reports whether the browser has asked by https.
func encrypted(r *http.Request) bool { return r.TLS != nil || r.URL.Scheme == "https" }

// addressOf is from where a request comes, without the port.
func addressOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
