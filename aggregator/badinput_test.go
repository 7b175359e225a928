package main_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/impostor"
	"rehome/pkg/sandbox/programs"
)

const badLimit = time.Minute

func TestBadInput(t *testing.T) {
	programs.Build(t) // in no test's time
	nobody, target := impostor.Nobody(t), sandbox.Postgres(t)
	good := []string{"TARGET_DSN=" + target, "NATS_URL=" + sandbox.NATS(t).URL()}
	with := func(changed ...string) []string { return append(good[:len(good):len(good)], changed...) }
	for _, tt := range []struct {
		name string
		env  []string
		args string
		exit int
		says []string
	}{
		{"no setting at all", nil, "", 2, []string{"TARGET_DSN: is not set"}},
		{"a setting that is malformed", with("REHOME_HEALTH=x", "REHOME_MIGRATION=No!"), "", 2, []string{"REHOME_HEALTH: ", "REHOME_MIGRATION: "}},
		{"a password in a flag", with(), "--target-dsn postgres://u:canarypass@h/db", 2, []string{"--target-dsn: holds a secret"}},
		{"a flag that there is not", with(), "--slot 3", 2, []string{"unknown flag: --slot; see aggregator --help"}},
		{"an argument", with(), "community", 2, []string{`"community"`, "see aggregator --help"}},
		{"nobody at the target address", with("TARGET_DSN=postgres://u:canarypass@" + nobody + "/db"), "", 1, []string{"connect to PostgreSQL u@" + nobody, "is PostgreSQL running there"}},
		{"nobody at the NATS address", with("NATS_URL=nats://canarypass@" + nobody), "", 1, []string{"connect to NATS at nats://" + nobody, "connection refused"}},
		{"a NATS that is too old", with("NATS_URL=nats://" + impostor.NATS(t, "2.9.10")), "", 1, []string{"nats-server 2.9.10 is too old"}},
	} {
		t.Run(tt.name+" ends it with what to do", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), badLimit)
			defer cancel()
			p := programs.Start(t, programs.Aggregator, tt.env, strings.Fields(tt.args)...)
			if exit := p.Wait(ctx); exit != tt.exit {
				t.Errorf("exit status %d, want %d", exit, tt.exit)
			}
			for _, text := range tt.says {
				if !strings.Contains(p.Stderr(), text) {
					t.Errorf("nothing says %q", text)
				}
			}
			if strings.Contains(p.Stdout()+p.Stderr(), "canarypass") {
				t.Error("a password is shown")
			}
		})
	}
}
