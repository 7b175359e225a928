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

// mysqldEnv names the program that StartMySQL runs. Debian has no package of it, and where MariaDB is installed a mysqld in PATH is
// MariaDB's: so it is never looked for.
const mysqldEnv = "REHOME_MYSQLD"

// MySQLServer is a private MySQL, set up as a MariaDBServer is. The caller closes it.
type MySQLServer struct{ legacyServer }

// StartMySQL makes a new data directory and starts the mysqld that the environment variable REHOME_MYSQLD names on it. ctx bounds the
// start alone. It does not heed MariaDBArgs.
func StartMySQL(ctx context.Context, opts Options) (*MySQLServer, error) {
	program, err := findMySQL()
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
	var m MySQLServer
	m.prepare("MySQL", dir)
	if err := m.create(ctx, program, runAs, opts); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return &m, nil
}

func findMySQL() (string, error) {
	program := os.Getenv(mysqldEnv)
	if program == "" {
		return "", fmt.Errorf("no MySQL server is at hand: let %s name the mysqld of MySQL 5.7 or newer; make test-mysql says how one is had", mysqldEnv)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("look for the mysqld that %s names: %w", mysqldEnv, err)
	}
	return path, nil
}

func (m *MySQLServer) create(ctx context.Context, program string, runAs *account, opts Options) error {
	data := filepath.Join(m.home.path, "data")
	if err := runAs.mkdir(data); err != nil {
		return fmt.Errorf("make MySQL's data directory: %w", err)
	}
	var output bytes.Buffer
	install := exec.Command(program, "--initialize-insecure", "--datadir="+data, "--tmpdir="+data)
	install.SysProcAttr, install.Dir, install.Stdout, install.Stderr = runAs.attr(), m.home.path, &output, &output
	if err := runCommand(ctx, install); err != nil {
		return fmt.Errorf("install MySQL's system tables in %s: %w\n%s", data, err, output.String())
	}
	opts, err := opts.handOver(m.home, runAs)
	if err != nil {
		return err
	}
	// Not in the data directory, which an initialization wants empty, and nothing removes it: each start says the same.
	first := filepath.Join(m.home.path, "first.sql")
	if err := runAs.writeFile(first, m.firstStatements()); err != nil {
		return fmt.Errorf("write MySQL's first statements: %w", err)
	}
	m.command = func() *exec.Cmd {
		cmd := exec.Command(program, m.args(data, first, opts)...)
		cmd.SysProcAttr = runAs.attr()
		return cmd
	}
	return m.startOnFreePort(ctx)
}

// firstStatements has one statement to a line, as an init file must.
func (m *MySQLServer) firstStatements() string {
	return "SET sql_log_bin = 0;\n" +
		"ALTER USER root@localhost IDENTIFIED BY '" + m.password + "';\n" +
		"CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '" + m.password + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
}

func (m *MySQLServer) args(data, first string, opts Options) []string {
	args := []string{
		"--datadir=" + data,
		"--tmpdir=" + data,
		"--init-file=" + first,
		"--socket=mysql.sock", // relative to the data directory: a socket's full path may be too long for the kernel
		"--pid-file=mysql.pid",
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(m.port),
		"--loose-mysqlx=OFF",
		"--skip-name-resolve",
		"--log-bin=binlog",
		"--server-id=1",
		"--sync-binlog=0",
		"--sql-mode=",
		"--character-set-server=utf8mb4",
		"--default-time-zone=+00:00",
		"--max-allowed-packet=1G",
		"--max-connections=300",
		"--local-infile=ON",
		"--performance-schema=OFF", // half of its memory
		"--innodb-buffer-pool-size=" + strconv.Itoa(opts.bufferPool()) + "M",
		"--innodb-buffer-pool-dump-at-shutdown=OFF",
		"--innodb-buffer-pool-load-at-startup=OFF",
		"--innodb-flush-log-at-trx-commit=2",
	}
	if opts.Fast {
		args = append(args, "--innodb-flush-method=nosync", "--innodb-doublewrite=OFF")
	}
	return append(args, opts.mysqlTLS()...)
}
