package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// MariaDBServer is a private MariaDB: loopback only, a random root password, binlog on in row format, an empty global
// sql_mode (dirty data may be loaded), utf8mb4, packets up to 1 GiB, UTC. The caller closes it.
type MariaDBServer struct{ legacyServer }

// StartMariaDB makes a new data directory and starts a server on it. ctx bounds the start alone. The error is a
// *MissingError when the program is not installed.
func StartMariaDB(ctx context.Context, opts Options) (*MariaDBServer, error) {
	program, err := findMariaDB("mariadb-server", "mariadbd", "mysqld")
	if err != nil {
		return nil, err
	}
	runAs, err := serverAccount("mysql")
	if err != nil {
		return nil, err
	}
	dir, err := newHome(opts.Dir)
	if err != nil {
		return nil, err
	}
	var m MariaDBServer
	m.prepare("MariaDB", dir)
	if err := m.create(ctx, program, runAs, opts); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return &m, nil
}

func (m *MariaDBServer) create(ctx context.Context, program string, runAs *account, opts Options) error {
	data := filepath.Join(m.home.path, "data")
	if err := runAs.mkdir(data); err != nil {
		return fmt.Errorf("make MariaDB's data directory: %w", err)
	}
	if err := m.installSystemTables(ctx, data, runAs); err != nil {
		return err
	}
	opts, err := opts.handOver(m.home, runAs)
	if err != nil {
		return err
	}
	first := filepath.Join(data, "first.sql")
	if err := runAs.writeFile(first, firstStatements(m.password)); err != nil {
		return fmt.Errorf("write MariaDB's first statements: %w", err)
	}
	m.command = func() *exec.Cmd {
		args := m.args(data, opts)
		if _, err := os.Stat(first); err == nil {
			args = append(args, "--init-file="+first)
		}
		cmd := exec.Command(program, args...)
		cmd.SysProcAttr, cmd.Env = runAs.attr(), opts.Clock.environ()
		return cmd
	}
	if err := m.startOnFreePort(ctx); err != nil {
		return err
	}
	return os.Remove(first)
}

// firstStatements has one statement to a line, as an init file must.
func firstStatements(password string) string {
	return "SET sql_log_bin = 0;\n" +
		"DELETE FROM mysql.global_priv;\n" +
		"FLUSH PRIVILEGES;\n" +
		"CREATE USER root@'127.0.0.1' IDENTIFIED BY '" + password + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n" +
		"CREATE USER root@localhost IDENTIFIED BY '" + password + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@localhost WITH GRANT OPTION;\n"
}

func (m *MariaDBServer) installSystemTables(ctx context.Context, data string, runAs *account) error {
	installer, err := findMariaDB("mariadb-server", "mariadb-install-db", "mysql_install_db")
	if err != nil {
		return err
	}
	var output bytes.Buffer
	// A server that starts removes the temporary tables that it finds in its tmpdir: of another one too, where they share it.
	cmd := exec.Command(installer, "--no-defaults", "--datadir="+data, "--tmpdir="+data, "--skip-test-db", "--skip-name-resolve",
		"--auth-root-authentication-method=normal")
	cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = runAs.attr(), data, &output, &output
	if err := runCommand(ctx, cmd); err != nil {
		return fmt.Errorf("install MariaDB's system tables in %s: %w\n%s", data, err, output.String())
	}
	return nil
}

func (m *MariaDBServer) args(data string, opts Options) []string {
	args := []string{
		"--no-defaults",
		"--datadir=" + data,
		"--tmpdir=" + data,
		"--socket=mariadb.sock", // relative to the data directory: a socket's full path may be too long for the kernel
		"--pid-file=mariadb.pid",
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(m.port),
		"--skip-name-resolve",
		"--log-bin=binlog",
		"--binlog-format=ROW",
		"--server-id=1",
		"--sync-binlog=0",
		"--sql-mode=",
		"--character-set-server=utf8mb4",
		"--default-time-zone=+00:00",
		"--max-allowed-packet=1G",
		"--max-connections=300",
		"--local-infile=ON",
		"--innodb-buffer-pool-size=" + strconv.Itoa(opts.bufferPool()) + "M",
		"--innodb-buffer-pool-dump-at-shutdown=OFF",
		"--innodb-buffer-pool-load-at-startup=OFF",
		"--innodb-flush-log-at-trx-commit=2",
	}
	if opts.Fast {
		args = append(args, "--innodb-flush-method=nosync")
	}
	return append(append(args, opts.mysqlTLS()...), opts.MariaDBArgs...)
}
