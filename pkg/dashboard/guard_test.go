package dashboard

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// signIn returns the Cookie header of a new session.
func (s *site) signIn() []string {
	s.Helper()
	a := s.ask("POST", "/api/v1/session", `{"token":"`+token+`"}`)
	if a.status != http.StatusNoContent {
		s.Fatalf("sign in: %d %s", a.status, a.body)
	}
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	s.must(err)
	return []string{"Cookie", cookie.Name + "=" + cookie.Value}
}

// paused tells why the migration is, as the ledger has it.
func (s *site) paused() string {
	s.Helper()
	c, err := s.Controls(s.Context(), "shop")
	s.must(err)
	return c.Paused
}

func TestOtherSites(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	cookie := s.signIn()
	host := strings.TrimPrefix(s.server.URL, "http://")
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"the page itself may act", []string{"Sec-Fetch-Site", "same-origin", "Origin", s.server.URL}, 200},
		{"so may one of an older browser", []string{"Origin", s.server.URL}, 200},
		{"and what is no browser", nil, 200},
		{"another site may not", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"nor one beside it", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://evil." + host}, 403},
		{"nor another site of an older browser", []string{"Origin", "https://evil.example"}, 403},
		{"nor a page without an origin", []string{"Origin", "null"}, 403},
		{"nor one whose name was made to point here", []string{"Host", "evil.example", "Sec-Fetch-Site", "same-origin", "Origin", "http://evil.example"}, 421},
		{"nor one that has the port, too", []string{"Host", "evil.example:8080"}, 421},
		{"nor one that only looks like this machine", []string{"Host", "localhost.evil.example"}, 421},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.must(s.Resume(t.Context(), "shop"))
			a := s.ask("POST", "/api/v1/pause", `{"now":false,"reason":"looks slow"}`, append(slices.Clone(cookie), tt.headers...)...)
			if a.status != tt.want {
				t.Errorf("status %d, want %d: %s", a.status, tt.want, a.body)
			}
			if got := s.paused() != ""; got != (tt.want == 200) {
				t.Errorf("the migration is paused: %t", got)
			}
		})
	}
	t.Run("a strange name is told nothing at all", func(t *testing.T) {
		for _, path := range []string{"/", "/assets/index.html", "/api/v1/overview", "/api/v1/events", "/api/v1/shards", "/api/v1/session"} {
			a := s.ask("GET", path, "", append(slices.Clone(cookie), "Host", "evil.example")...)
			if a.status != 421 || strings.Contains(a.body, "shop") || !strings.Contains(a.body, "--allow-host") {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	})
	t.Run("another site cannot even ask, but may link here", func(t *testing.T) {
		for path, want := range map[string]int{"/": 200, "/api/v1/overview": 403, "/api/v1/events": 403} {
			if a := s.ask("GET", path, "", "Sec-Fetch-Site", "cross-site"); a.status != want {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	a := Access{Hosts: []string{"rehome.example", "Pages.example:443"}}
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:8080": true, "localhost.": true, "127.0.0.1:8080": true, "[::1]:8080": true, "::1": true, "10.1.2.3": true, "rehome.example": true,
		"REHOME.example.:8443": true, "pages.example": true, "evil.example": false, "": false, "rehome.example.evil": false, "127.0.0.1.evil.example": false, "x:y:z": false,
	} {
		if got := a.allows(host); got != want {
			t.Errorf("%q is allowed: %t", host, got)
		}
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		access     Access
		wrong      string
		openToRead bool
	}{
		"this machine":                {Access{Loopback: true, Token: token}, "", true},
		"a proxy on this machine":     {Access{Loopback: true, Proxied: true, Token: token}, "", false},
		"TLS":                         {Access{TLS: true, Token: token}, "", false},
		"a proxy":                     {Access{Proxied: true, Token: token}, "", false},
		"other machines, unencrypted": {Access{Token: token}, "neither TLS nor a proxy", false},
		"a token that can be guessed": {Access{Loopback: true, Token: "0123456789abcde"}, "fewer than 16", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{Access: tt.access})
			if (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("error %v", err)
			}
			if tt.access.open() != tt.openToRead {
				t.Errorf("reading needs no token: %t", tt.access.open())
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Access: local()})
	if err != nil {
		t.Fatal(err)
	}
	for path, cache := range map[string]string{"/": "no-cache", "/api/v1/overview": "no-store", "/nothing": "no-store"} {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+path, nil))
		want := http.Header{
			"Cache-Control": {cache}, "X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"no-referrer"},
			"Cross-Origin-Resource-Policy": {"same-origin"}, "Cross-Origin-Opener-Policy": {"same-origin"},
			"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; " +
				"form-action 'none'; frame-ancestors 'none'"},
		}
		got := w.Header().Clone()
		for name := range got {
			if _, wanted := want[name]; !wanted && name != "Content-Type" && name != "Etag" && name != "Vary" {
				t.Errorf("%s: %s: %s", path, name, got.Get(name))
			}
		}
		for _, name := range []string{"Content-Type", "Etag", "Vary"} {
			got.Del(name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Access: local()})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		return w
	}
	first := ask("/")
	if first.Code != 200 || first.Header().Get("Content-Type") != "text/html; charset=utf-8" || first.Header().Get("Etag") == "" {
		t.Fatalf("the page: %d, %v", first.Code, first.Header())
	}
	if again := ask("/", "If-None-Match", first.Header().Get("Etag")); again.Code != 304 || again.Body.Len() > 0 {
		t.Errorf("the page that a browser has: %d", again.Code)
	}
	if other := ask("/assets/index.html", "If-None-Match", `W/"other"`); other.Code != 200 {
		t.Errorf("the page that a browser has of another release: %d", other.Code)
	}
	if packed := ask("/", "Accept-Encoding", "br, gzip"); packed.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("the page is not packed: %v", packed.Header())
	}
	if plain := ask("/", "Accept-Encoding", "gzip;q=0"); plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("the page is packed for who cannot unpack it")
	}
	for _, path := range []string{"/assets/", "/assets/nothing.js", "/assets/../doc.go", "/assets/%2e%2e/doc.go", "/index.html", "/assets"} {
		if got := ask(path); got.Code == 200 {
			t.Errorf("%s is served", path)
		}
	}
}

func TestForwarded(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://10.0.0.9:8080/", nil)
	for name, value := range map[string]string{"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-Forwarded-Host": "rehome.example", "X-Forwarded-Proto": "https"} {
		r.Header.Set(name, value)
	}
	got := forwarded(r)
	if addressOf(got) != "203.0.113.7" || got.Host != "rehome.example" || !encrypted(got) || encrypted(r) {
		t.Errorf("from %s to %s, encrypted %t", addressOf(got), got.Host, encrypted(got))
	}
	t.Run("what is no address is not where somebody comes from", func(t *testing.T) {
		r := r.Clone(t.Context())
		r.RemoteAddr = "10.0.0.1:999"
		for from, want := range map[string]string{"x\ny": "10.0.0.1", "": "10.0.0.1", "203.0.113.7:4711": "203.0.113.7", "[2001:db8::1]:80": "2001:db8::1", "2001:db8::1": "2001:db8::1"} {
			r.Header.Set("X-Forwarded-For", from)
			if got := addressOf(forwarded(r)); got != want {
				t.Errorf("%q: %s", from, got)
			}
		}
	})
	t.Run("a proxy that adds a line of its own is believed, and not the line that it was sent", func(t *testing.T) {
		r := r.Clone(t.Context())
		for name, lines := range map[string][]string{
			"X-Forwarded-For": {"6.6.6.6", "203.0.113.8"}, "X-Forwarded-Host": {"evil.example", "rehome.example"}, "X-Forwarded-Proto": {"https", "http"},
		} {
			r.Header[name] = lines
		}
		if got := forwarded(r); addressOf(got) != "203.0.113.8" || got.Host != "rehome.example" || encrypted(got) {
			t.Errorf("from %s to %s, encrypted %t", addressOf(got), got.Host, encrypted(got))
		}
	})
	t.Run("where there is no proxy nobody is believed", func(t *testing.T) {
		d, err := New(Config{Access: local()})
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "localhost")
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		if w.Code != 421 {
			t.Errorf("status %d", w.Code)
		}
	})
}
