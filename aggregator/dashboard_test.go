package main_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"rehome/pkg/dashboard"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

var signInAt = regexp.MustCompile(`(?m)^dashboard: (https?)://([^/\s]+)/(?:#token=([0-9a-f]{32}))?`)

// A visit is a dashboard that a process serves.
type visit struct {
	*programs.Process
	t             *testing.T
	scheme, token string
	host          string
	client        *http.Client
}

// visits starts an aggregator and waits for where its dashboard is.
func visits(t *testing.T, env []string) *visit {
	t.Helper()
	v := &visit{t: t, Process: programs.Start(t, programs.Aggregator, env), client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}} // its certificate is its own authority
	ctx, cancel := context.WithTimeout(t.Context(), badLimit)
	defer cancel()
	for {
		if found := signInAt.FindStringSubmatch(v.Stderr()); found != nil {
			v.scheme, v.host, v.token = found[1], found[2], found[3]
			return v
		}
		select {
		case <-ctx.Done():
			t.Fatal("the aggregator does not say where its dashboard is")
		case <-v.Done():
			t.Fatal("the aggregator has ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (v *visit) ask(method, path, body string) (status int, answer string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.scheme+"://"+v.host+path, bytes.NewBufferString(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// overview asks until the migration is found, and the overview is as wanted.
func (v *visit) overview(is func(*dashboard.Overview) bool) (o dashboard.Overview) {
	v.t.Helper()
	for deadline := time.Now().Add(moveLimit); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		status, text := v.ask("GET", "/api/v1/overview", "")
		if status == http.StatusOK {
			o = dashboard.Overview{}
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				v.t.Fatal(err)
			}
			if is(&o) {
				return o
			}
		}
	}
	v.t.Fatalf("the overview is not as wanted: %+v", o)
	return o
}

// leave ends the process, as a service manager does, while somebody is there.
func (v *visit) leave() {
	v.t.Helper()
	v.client.CloseIdleConnections()
	v.Terminate()
	ctx, cancel := context.WithTimeout(v.t.Context(), badLimit)
	defer cancel()
	if exit := v.Wait(ctx); exit != 0 {
		v.t.Errorf("it ends with %d", exit)
	}
}

func TestDashboardAsAProcess(t *testing.T) {
	t.Parallel()
	m := newMoved(t, 40)
	env := []string{"TARGET_DSN=" + m.target, "NATS_URL=" + sandbox.NATS(t).URL(), "REHOME_LISTEN=127.0.0.1:0", "REHOME_TRACE_URL=http://jaeger.example/trace/{trace_id}"}
	user := `{"user":"` + m.one(`SELECT user_text FROM rehome.users WHERE state = 'migrated' LIMIT 1`) + `"}`
	t.Run("it shows what the ledger holds, and acts for who knows the token that was shown once", func(t *testing.T) {
		v := visits(t, env)
		if strings.Count(v.Stderr(), v.token) != 1 || len(v.token) != 32 {
			t.Error("the token is not shown once")
		}
		o := v.overview(func(o *dashboard.Overview) bool { return o.Verdict.Verdict != "" })
		if o.Verdict.Verdict != "clean" && o.Verdict.Verdict != "unclean" || o.Progress.Users.Planned != 40 || o.TraceURL == "" || len(o.History) == 0 {
			t.Errorf("the overview is %+v", o)
		}
		if status, text := v.ask("POST", "/api/v1/pause", `{"reason":"test"}`); status != 200 {
			t.Errorf("a pause: %d %s", status, text)
		}
		if status, text := v.ask("POST", "/api/v1/explain", user); status != 200 || !strings.Contains(text, `"legacy":"not_asked"`) {
			t.Errorf("explain: %d %s", status, text)
		}
		if status, text := v.ask("POST", "/api/v1/resume", `{}`); status != 200 {
			t.Errorf("the end of the pause: %d %s", status, text)
		}
		v.token = ""
		if status, _ := v.ask("POST", "/api/v1/pause", `{}`); status != 401 {
			t.Errorf("a stranger: %d", status)
		}
		if !strings.Contains(v.Stderr(), `"action":"pause"`) {
			t.Error("the log does not tell who has paused it")
		}
		v.leave()
	})
	t.Run("with the legacy database it explains all", func(t *testing.T) {
		v := visits(t, append(env, "LEGACY_DSN="+m.legacy, "REHOME_TOKEN="+strings.Repeat("s", 16)))
		if v.token != "" || strings.Contains(v.Stderr(), strings.Repeat("s", 16)) {
			t.Error("a token that was given is shown")
		}
		v.token = strings.Repeat("s", 16)
		v.overview(func(o *dashboard.Overview) bool { return o.Actions.Legacy })
		if status, text := v.ask("POST", "/api/v1/explain", user); status != 200 || !strings.Contains(text, `"legacy":"present"`) {
			t.Errorf("explain: %d %s", status, text)
		}
		if status, text := v.ask("POST", "/api/v1/explain", `{"user":"ada"}`); status != 400 || strings.Contains(text, "ada") {
			t.Errorf("what is no key: %d %s", status, text)
		}
		v.leave()
	})
	t.Run("without NATS servers it counts the receipts that the ledger has", func(t *testing.T) {
		v := visits(t, []string{"TARGET_DSN=" + m.target, "REHOME_LISTEN=127.0.0.1:0"})
		v.overview(func(o *dashboard.Overview) bool {
			return o.Progress.Users.Planned == 40 && strings.Contains(v.Stderr(), "100.0%")
		})
		v.leave()
	})
	t.Run("who streams is sent home at the end", func(t *testing.T) {
		v := visits(t, env)
		r, err := http.NewRequestWithContext(t.Context(), "GET", v.scheme+"://"+v.host+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := v.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		v.leave()
		if text, err := io.ReadAll(response.Body); err != nil || !strings.HasSuffix(string(text), "event: closing\ndata: {}\n\n") {
			t.Errorf("the stream ends with %v: %s", err, text)
		}
	})
}

func TestWhereTheDashboardIs(t *testing.T) {
	t.Parallel()
	env := []string{"TARGET_DSN=" + sandbox.Postgres(t), "NATS_URL=" + sandbox.NATS(t).URL()}
	cert, key := sandbox.Certificate(t)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		env  []string
		exit int
		says string
	}{
		{"to other machines in the clear", []string{"REHOME_LISTEN=0.0.0.0:0"}, 2, "REHOME_LISTEN: 0.0.0.0:0 can be reached from other machines"},
		{"to all machines in the clear", []string{"REHOME_LISTEN=:0"}, 2, "REHOME_BEHIND_PROXY=true"},
		{"with a certificate and no key", []string{"REHOME_TLS_CERT=" + cert}, 2, "belong together"},
		{"with a key that is another's", []string{"REHOME_TLS_CERT=" + cert, "REHOME_TLS_KEY=" + cert}, 2, "no certificate with its private key"},
		{"with a token that can be guessed", []string{"REHOME_TOKEN=secret"}, 2, "fewer than 16 characters"},
		{"with an address that is taken", []string{"REHOME_LISTEN=" + taken.Addr().String()}, 1, "say another address with REHOME_LISTEN, or off"},
		{"with a trace's address that names no trace", []string{"REHOME_TRACE_URL=http://jaeger.example"}, 2, "{trace_id}"},
	} {
		t.Run(tt.name+" it is not served", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), badLimit)
			defer cancel()
			p := programs.Start(t, programs.Aggregator, append(env, tt.env...))
			if exit := p.Wait(ctx); exit != tt.exit || !strings.Contains(p.Stderr(), tt.says) || strings.Contains(p.Stderr(), "=secret") {
				t.Errorf("exit status %d, want %d and %q:\n%s", exit, tt.exit, tt.says, p.Stderr())
			}
		})
	}
	t.Run("by TLS it is served to other machines, who need the token to read", func(t *testing.T) {
		v := visits(t, append(env, "REHOME_LISTEN=0.0.0.0:0", "REHOME_TLS_CERT="+cert, "REHOME_TLS_KEY="+key))
		_, port, err := net.SplitHostPort(v.host)
		if err != nil || v.scheme != "https" {
			t.Fatalf("%s, %v", v.host, err)
		}
		v.host = "127.0.0.1:" + port
		if status, text := v.ask("GET", "/api/v1/overview", ""); status != 503 || !strings.Contains(text, "the migration is not in the ledger yet") {
			t.Errorf("who knows it: %d %s", status, text)
		}
		v.token = ""
		if status, _ := v.ask("GET", "/api/v1/overview", ""); status != 401 {
			t.Errorf("who does not: %d", status)
		}
		if status, text := v.ask("GET", "/", ""); status != 200 || !strings.Contains(text, "<html") {
			t.Errorf("the page: %d", status)
		}
		v.leave()
	})
	t.Run("two on one machine have two ports, where nobody has said which", func(t *testing.T) {
		one, other := visits(t, env), visits(t, env)
		if one.host == other.host || !strings.HasPrefix(one.host, "127.0.0.1:") || !strings.HasPrefix(other.host, "127.0.0.1:") {
			t.Errorf("%s and %s", one.host, other.host)
		}
		one.leave()
		other.leave()
	})
	t.Run("it can be left out", func(t *testing.T) {
		p := programs.Start(t, programs.Aggregator, append(env, "REHOME_LISTEN=off"))
		ctx, cancel := context.WithTimeout(t.Context(), badLimit)
		defer cancel()
		for !strings.Contains(p.Stderr(), "waiting for producer run") {
			select {
			case <-ctx.Done():
				t.Fatal("it does not wait for a migration")
			case <-time.After(10 * time.Millisecond):
			}
		}
		if strings.Contains(p.Stderr(), "dashboard: ") {
			t.Error(p.Stderr())
		}
		p.Terminate()
		p.Wait(ctx)
	})
}
