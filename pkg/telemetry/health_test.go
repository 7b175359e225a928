package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

func ask(t *testing.T, h *Health, path string) (int, map[string]any) {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	body := map[string]any{}
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s answers %q: %v", path, recorder.Body, err)
	}
	return recorder.Code, body
}

func TestHealth(t *testing.T) {
	h := NewHealth("worker", "v1")
	h.Add("target", func(context.Context) error { return nil })
	broken := fmt.Errorf("ask the ledger: %w", planted())

	for _, tt := range []struct {
		name   string
		change func()
		status int
		body   map[string]any
	}{
		{"ready while every check passes", func() {}, 200,
			map[string]any{"ready": true, "draining": false, "checks": map[string]any{"target": "ok"}}},
		{"not ready when one does not, and the reason is redacted", func() { h.Add("ledger", func(context.Context) error { return broken }) }, 503,
			map[string]any{"ready": false, "draining": false, "checks": map[string]any{"target": "ok", "ledger": "ask the ledger: " + plantedText}}},
		{"ready again when the check passes again", func() { broken = nil }, 200,
			map[string]any{"ready": true, "draining": false, "checks": map[string]any{"target": "ok", "ledger": "ok"}}},
		{"not ready for good once it drains", h.Drain, 503,
			map[string]any{"ready": false, "draining": true, "checks": map[string]any{"target": "ok", "ledger": "ok"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.change()
			status, body := ask(t, h, "/readyz")
			if diff := cmp.Diff(tt.body, body); diff != "" || status != tt.status {
				t.Errorf("status %d, want %d; body (-want +got):\n%s", status, tt.status, diff)
			}
		})
	}

	t.Run("alive while it is not ready", func(t *testing.T) {
		if status, _ := ask(t, h, "/healthz"); status != 200 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("the version names the program", func(t *testing.T) {
		_, body := ask(t, h, "/version")
		if diff := cmp.Diff(map[string]any{"program": "worker", "version": "v1", "go": runtime.Version()}, body); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth("worker", "v1")
		turn, other := h.Watch("controls"), h.Watch("beats")
		h.Add("target", func(context.Context) error { return errors.New("is away") })
		for range 10 {
			time.Sleep(29 * time.Second) //nolint:forbidigo // of the bubble's clock, which does not wait
			turn()
			other()
		}
		if status, _ := ask(t, h, "/healthz"); status != 200 {
			t.Errorf("while its loops turn it answers %d", status)
		}
		time.Sleep(20 * time.Second) //nolint:forbidigo // as above
		other()
		time.Sleep(11 * time.Second) //nolint:forbidigo // as above
		status, body := ask(t, h, "/healthz")
		if diff := cmp.Diff(map[string]any{"status": "stuck", "loops": []any{"controls"}}, body); diff != "" || status != 503 {
			t.Errorf("31 seconds after a loop has turned last it answers %d (-want +got):\n%s", status, diff)
		}
		turn()
		if status, _ := ask(t, h, "/healthz"); status != 200 {
			t.Errorf("when it turns again it answers %d", status)
		}
	})
}

func TestNotes(t *testing.T) {
	h, note := NewHealth("worker", "v1"), ""
	h.Note("slow", func() string { return note })
	if _, body := ask(t, h, "/readyz"); body["notes"] != nil {
		t.Errorf("there is nothing to say, and it says %v", body["notes"])
	}
	note = "paused: lunch"
	status, body := ask(t, h, "/readyz")
	if diff := cmp.Diff(map[string]any{"slow": "paused: lunch"}, body["notes"]); diff != "" || status != 200 {
		t.Errorf("status %d (-want +got):\n%s", status, diff)
	}
}

func TestReadyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth("worker", "v1")
		h.Add("slow", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		want := Readiness{Checks: map[string]string{"slow": "context deadline exceeded"}}
		if diff := cmp.Diff(want, h.Ready(t.Context())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestServer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(t.Context())
	server, err := Listen(ctx, "127.0.0.1:0", NewHealth("worker", "v1").Handler())
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error { return server.Serve(ctx) })

	t.Run("answers on the address that it took", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + server.Address() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 {
			t.Errorf("%s: %s", response.Status, body)
		}
	})
	t.Run("an address in use is known at once, and named with the setting that says it", func(t *testing.T) {
		_, err := ListenHealth(ctx, server.Address(), http.NotFoundHandler())
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), server.Address()) || !strings.Contains(err.Error(), "REHOME_HEALTH or --health") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("ends without an error when it is told to", func(t *testing.T) {
		cancel()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if response, err := http.Get("http://" + server.Address()); err == nil {
			_ = response.Body.Close()
			t.Error("still answers")
		}
	})
	t.Run("a listener that breaks is an error", func(t *testing.T) {
		broken, err := Listen(t.Context(), "127.0.0.1:0", http.NotFoundHandler())
		if err != nil {
			t.Fatal(err)
		}
		if err := broken.listener.Close(); err != nil {
			t.Fatal(err)
		}
		if err := broken.Serve(t.Context()); err == nil || errors.Is(err, http.ErrServerClosed) {
			t.Errorf("error is %v", err)
		}
	})
}
