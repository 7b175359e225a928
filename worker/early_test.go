package main

import (
	"context"
	"testing"
	"time"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// TestStopEarly tells a worker and an aggregator to stop while they connect, to a server that does not answer.
func TestStopEarly(t *testing.T) {
	t.Parallel()
	urls := map[string]string{"LEGACY_DSN": sandbox.MariaDB(t), "TARGET_DSN": sandbox.Postgres(t), "NATS_URL": sandbox.NATS(t).URL()}
	for _, program := range []string{programs.Worker, programs.Aggregator} {
		for silent := range urls {
			if program == programs.Aggregator && silent == "LEGACY_DSN" {
				continue // it reads the target alone
			}
			t.Run(program+" ends well while it waits for "+silent, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				proxy, over := sandbox.ProxyTo(t, urls[silent])
				proxy.Hold()
				env := []string{silent + "=" + over}
				for name, url := range urls {
					if name != silent {
						env = append(env, name+"="+url)
					}
				}
				p := programs.Start(t, program, env)
				for tick := time.NewTicker(10 * time.Millisecond); proxy.Traffic().Connections == 0; {
					select {
					case <-tick.C:
					case <-ctx.Done():
						t.Fatal("it does not connect")
					}
				}
				p.Terminate()
				if exit := p.Wait(ctx); exit != 0 {
					t.Errorf("it ends with %d", exit)
				}
			})
		}
	}
}
