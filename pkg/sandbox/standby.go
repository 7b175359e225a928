package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
)

// StartStandby makes a copy of a server that runs and starts it as its standby, to be read from. ctx bounds the start alone. The caller closes it.
func StartStandby(ctx context.Context, of *PostgresServer, opts Options) (*PostgresServer, error) {
	return startPostgres(ctx, opts, of.password, func(p *PostgresServer, ctx context.Context, runAs *account) error {
		program, err := findPostgres("pg_basebackup")
		if err != nil {
			return err
		}
		var output bytes.Buffer
		cmd := exec.Command(program, "--pgdata="+p.data(), "--dbname="+of.DSN("postgres"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
		cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = runAs.attr(), p.data(), &output, &output
		if err := runCommand(ctx, cmd); err != nil {
			return fmt.Errorf("copy a PostgreSQL cluster to %s: %w\n%s", p.data(), err, output.String())
		}
		return nil
	})
}
