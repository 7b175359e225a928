package dashboard

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// acts are all that need the token everywhere, with a body that is right.
var acts = map[string]string{
	"/api/v1/dead/republish": `{"all":true,"force":true}`, "/api/v1/dead/discard": `{"ids":["1.0"],"reason":"test"}`, "/api/v1/explain": `{"user":"1"}`,
	"/api/v1/pause": `{}`, "/api/v1/resume": `{}`,
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.kill(1, 0)
	t.Run("who has not can do nothing, and reads on the same machine", func(t *testing.T) {
		for path, body := range acts {
			if a := s.ask("POST", path, body); a.status != 401 || !strings.Contains(a.body, "sign in first") || a.header.Get("Www-Authenticate") == "" {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		if a := s.ask("GET", "/api/v1/dead/1.0", ""); a.status != 401 {
			t.Errorf("a dead letter: %d", a.status)
		}
		for _, path := range []string{"/", "/api/v1/overview", "/api/v1/shards", "/api/v1/dead"} {
			if a := s.ask("GET", path, ""); a.status != 200 {
				t.Errorf("%s: %d", path, a.status)
			}
		}
		if s.paused() != "" {
			t.Error("the migration is paused")
		}
	})
	t.Run("nothing is done by GET", func(t *testing.T) {
		for path := range acts {
			if a := s.ask("GET", path, "", bearer()...); a.status != 405 || a.header.Get("Allow") != "POST" {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
	t.Run("what a form of another site can send is refused", func(t *testing.T) {
		for path, body := range acts {
			for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
				if a := s.ask("POST", path, body, append(bearer(), "Content-Type", kind)...); a.status != 415 {
					t.Errorf("%s as %q: %d", path, kind, a.status)
				}
			}
		}
	})
	t.Run("a body that is too long, or none of ours, is refused", func(t *testing.T) {
		for body, want := range map[string]int{
			`{"reason":"` + strings.Repeat("x", mostBody) + `"}`: 413, `{"reason":"x","more":1}`: 400, `{"now":"yes"}`: 400, `[]`: 400, `{}{}`: 400, `{`: 400,
			`{"reason":"` + strings.Repeat("x", 501) + `"}`: 400,
		} {
			a := s.ask("POST", "/api/v1/pause", body, bearer()...)
			if a.status != want || !strings.HasPrefix(a.body, `{"error":"`) {
				t.Errorf("%.30s: %d %s", body, a.status, a.body)
			}
		}
		if s.paused() != "" {
			t.Error("the migration is paused")
		}
	})
	t.Run("a wrong token is refused, and told to the log without it", func(t *testing.T) {
		began := time.Now()
		a := s.ask("POST", "/api/v1/session", `{"token":"guess-guess-guess"}`)
		if a.status != 401 || a.header.Get("Set-Cookie") != "" || time.Since(began) < penalty {
			t.Errorf("%d after %s: %s", a.status, time.Since(began), a.body)
		}
		if a := s.ask("POST", "/api/v1/pause", `{}`, "Authorization", "Bearer "+token+"0"); a.status != 401 {
			t.Errorf("with the request: %d", a.status)
		}
		if log := s.log.String(); !strings.Contains(log, "127.0.0.1") || strings.Contains(log, "guess") {
			t.Errorf("the log: %s", log)
		}
	})
	t.Run("the right one opens a session that ends when one signs out", func(t *testing.T) {
		a := s.ask("POST", "/api/v1/session", `{"token":"`+token+`"}`)
		cookie := a.header.Get("Set-Cookie")
		if a.status != 204 || !strings.HasSuffix(cookie, "; Path=/; HttpOnly; SameSite=Strict") || strings.Contains(cookie, token) {
			t.Fatalf("%d: %s", a.status, cookie)
		}
		session := []string{"Cookie", strings.Split(cookie, ";")[0]}
		if a := s.ask("GET", "/api/v1/session", "", session...); !strings.Contains(a.body, `{"signed_in":true,"needed":false}`) {
			t.Errorf("signed in: %s", a.body)
		}
		if a := s.ask("POST", "/api/v1/resume", `{}`, session...); a.status != 200 {
			t.Errorf("an act: %d %s", a.status, a.body)
		}
		if a := s.ask("DELETE", "/api/v1/session", "", session...); a.status != 204 {
			t.Errorf("sign out: %d", a.status)
		}
		if a := s.ask("POST", "/api/v1/resume", `{}`, session...); a.status != 401 {
			t.Errorf("afterwards: %d", a.status)
		}
	})
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Access = Access{Proxied: true, Token: token, Hosts: []string{"rehome.example"}} })
	through := []string{"X-Forwarded-Host", "rehome.example", "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.7", "Origin", "https://rehome.example"}
	t.Run("nobody reads without the token", func(t *testing.T) {
		for _, path := range []string{"overview", "shards", "shards/0", "dead", "quarantine", "report", "report.html", "events", "dead/1.0"} {
			if a := s.ask("GET", "/api/v1/"+path, "", through...); a.status != 401 {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
	t.Run("but for the page to sign in", func(t *testing.T) {
		for _, path := range []string{"/", "/assets/index.html", "/api/v1/session"} {
			if a := s.ask("GET", path, "", through...); a.status != 200 {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
	t.Run("behind a proxy that encrypts the cookie is never sent in the clear", func(t *testing.T) {
		a := s.ask("POST", "/api/v1/session", `{"token":"`+token+`"}`, through...)
		if !strings.Contains(a.header.Get("Set-Cookie"), "; Secure") {
			t.Errorf("%d: %s", a.status, a.header.Get("Set-Cookie"))
		}
		session := append([]string{"Cookie", strings.Split(a.header.Get("Set-Cookie"), ";")[0]}, through...)
		if a := s.ask("GET", "/api/v1/overview", "", session...); a.status != 200 {
			t.Errorf("the overview: %d %s", a.status, a.body)
		}
		if a := s.ask("POST", "/api/v1/pause", `{}`, session...); a.status != 200 || s.paused() != "dashboard, signed in from 203.0.113.7" {
			t.Errorf("a pause: %d %s, because %q", a.status, a.body, s.paused())
		}
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	with := func(value string) *http.Request {
		return &http.Request{Header: http.Header{"Cookie": {cookieName + "=" + value}}}
	}
	t.Run("a session that nobody uses ends, and one that is used does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSessions(token)
			value, err := s.open(t.Context(), token, "a")
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(idleFor - time.Minute) //nolint:forbidigo // of the bubble's clock, which does not wait
				if !s.knows(with(value), true) {
					t.Fatal("a session that is used has ended")
				}
			}
			time.Sleep(idleFor - time.Minute) //nolint:forbidigo // as above
			s.knows(with(value), false)       // which is no use
			time.Sleep(2 * time.Minute)       //nolint:forbidigo // as above
			if s.knows(with(value), true) {
				t.Error("a session that nobody uses goes on")
			}
		})
	})
	t.Run("there are never more than so many", func(t *testing.T) {
		s := newSessions(token)
		var first string
		for i := range mostSessions + 1 {
			value, err := s.open(t.Context(), token, "a")
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = value
			}
		}
		if len(s.used) != mostSessions || s.knows(with(first), true) {
			t.Errorf("%d sessions", len(s.used))
		}
	})
	t.Run("whose guesses are not even looked at fills no log", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log lines
			d, err := New(Config{Access: local(), Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			var guesses errgroup.Group
			for range 10 {
				guesses.Go(func() error {
					r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/api/v1/session", strings.NewReader(`{"token":"a guess that is wrong"}`))
					r.Header.Set("Content-Type", "application/json")
					d.Handler().ServeHTTP(httptest.NewRecorder(), r)
					return nil
				})
			}
			_ = guesses.Wait() // none fails
			if n := strings.Count(log.String(), "tried to sign in"); n != wrongFromOne {
				t.Errorf("%d lines: %s", n, log.String())
			}
		})
	})
	t.Run("who guesses waits, and holds up nobody else", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSessions(token)
			began, answers := time.Now(), make(chan error, 10)
			for i := range 10 {
				go func() { answers <- s.check(t.Context(), fmt.Sprintf("%s%d", token, i), "attacker") }()
			}
			synctest.Wait()
			if err := s.check(t.Context(), token, "operator"); err != nil || time.Since(began) > 0 {
				t.Errorf("the operator gets %v after %s", err, time.Since(began))
			}
			if err := s.check(t.Context(), token, "attacker"); err != errTooOften {
				t.Errorf("who guesses is told about another token meanwhile: %v", err)
			}
			refused := 0
			for range 10 {
				if err := <-answers; err == errTooOften {
					refused++
				}
			}
			if refused != 10-wrongFromOne || time.Since(began) != penalty {
				t.Errorf("%d guesses were not looked at; the others took %s", refused, time.Since(began))
			}
			if len(s.waiting) != 0 || s.wait != 0 {
				t.Errorf("left: %v, %d", s.waiting, s.wait)
			}
		})
	})
}
