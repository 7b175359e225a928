package main

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func TestProbe(t *testing.T) {
	health := telemetry.NewHealth("worker", "test")
	server := httptest.NewServer(health.Handler())
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, listens, path, want string
	}{
		{"asks for /healthz", "127.0.0.1:" + port, "", ""},
		{"asks for what it is told to", "127.0.0.1:" + port, "/version", ""},
		{"asks on loopback who listens everywhere", "0.0.0.0:" + port, "/readyz", ""},
		{"says when there is no such path", "127.0.0.1:" + port, "/health", "404"},
		{"says when nobody listens", "127.0.0.1:1", "", "connection refused"},
		{"wants to know where", "", "", "REHOME_HEALTH"},
		{"refuses what is no path", "127.0.0.1:" + port, "readyz", "probe /readyz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("REHOME_HEALTH", tt.listens)
			var args []string
			if tt.path != "" {
				args = []string{tt.path}
			}
			err := run(t.Context(), args)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
	t.Run("ends with 1 when a program is not ready", func(t *testing.T) {
		health.Add("nats", func(context.Context) error { return errors.New("not connected to NATS") })
		t.Setenv("REHOME_HEALTH", "127.0.0.1:"+port)
		if err := run(t.Context(), []string{"/readyz"}); settings.ExitCode(err) != settings.ExitFailed {
			t.Errorf("error = %v", err)
		}
		if err := run(t.Context(), nil); err != nil {
			t.Errorf("alive, but: %v", err)
		}
	})
}
