package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

const postgresSuperuser = "rehome"

// PostgresServer is a private PostgreSQL: loopback TCP only, scram with a random password, 200 connections, UTF-8, the C
// collation's order, UTC. The caller closes it.
type PostgresServer struct {
	server
	password string
}

// StartPostgres makes a new cluster of the newest installed version and starts a server on it. ctx bounds the start
// alone. The error is a *MissingError when the program is not installed.
func StartPostgres(ctx context.Context, opts Options) (*PostgresServer, error) {
	return startPostgres(ctx, opts, rand.Text(), (*PostgresServer).initCluster)
}

// startPostgres starts a server on the data that fill makes.
func startPostgres(ctx context.Context, opts Options, password string, fill func(*PostgresServer, context.Context, *account) error) (*PostgresServer, error) {
	program, err := findPostgres("postgres")
	if err != nil {
		return nil, err
	}
	runAs, err := serverAccount("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := newHome(opts.Dir)
	if err != nil {
		return nil, err
	}
	p := &PostgresServer{password: password}
	p.server = server{
		kind: "PostgreSQL", home: dir,
		// Not SIGKILL on our death: only a server that ends by itself frees its System V segment.
		death: syscall.SIGQUIT, fast: syscall.SIGINT, abort: syscall.SIGQUIT,
		probe: p.ping, killed: p.freeSegment,
	}
	if err := p.create(ctx, program, runAs, opts, fill); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return p, nil
}

func (p *PostgresServer) create(ctx context.Context, program string, runAs *account, opts Options,
	fill func(*PostgresServer, context.Context, *account) error) error {
	if err := runAs.mkdir(p.data()); err != nil {
		return fmt.Errorf("make PostgreSQL's data directory: %w", err)
	}
	if err := fill(p, ctx, runAs); err != nil {
		return err
	}
	opts, err := opts.handOver(p.home, runAs)
	if err != nil {
		return err
	}
	p.command = func() *exec.Cmd {
		cmd := exec.Command(program, p.args(opts)...)
		cmd.SysProcAttr, cmd.Env = runAs.attr(), opts.Clock.environ()
		return cmd
	}
	return p.startOnFreePort(ctx)
}

func (p *PostgresServer) initCluster(ctx context.Context, runAs *account) error {
	initdb, err := findPostgres("initdb")
	if err != nil {
		return err
	}
	passwordFile := filepath.Join(p.home.path, "password")
	if err := runAs.writeFile(passwordFile, p.password); err != nil {
		return fmt.Errorf("write PostgreSQL's first password: %w", err)
	}
	var output bytes.Buffer
	cmd := exec.Command(initdb, "--pgdata="+p.data(), "--username="+postgresSuperuser, "--pwfile="+passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = runAs.attr(), p.data(), &output, &output
	if err := runCommand(ctx, cmd); err != nil {
		return fmt.Errorf("make a PostgreSQL cluster in %s: %w\n%s", p.data(), err, output.String())
	}
	return os.Remove(passwordFile)
}

func (p *PostgresServer) args(opts Options) []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(p.port),
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"shared_buffers=" + strconv.Itoa(opts.bufferPool()) + "MB",
		"max_wal_size=2GB",
		// In the data directory, and not in /dev/shm: it goes with the directory, and containers have little there.
		"dynamic_shared_memory_type=mmap",
	}
	if opts.Fast {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	if opts.Cert != "" {
		settings = append(settings, "ssl=on", "ssl_cert_file="+opts.Cert, "ssl_key_file="+opts.Key)
	}
	args := []string{"-D", p.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return append(args, opts.PostgresArgs...)
}

func (p *PostgresServer) data() string { return filepath.Join(p.home.path, "data") }

// DSN is the postgres:// URL, password included, of a database of this server; it need not exist.
func (p *PostgresServer) DSN(database string) string {
	dsn := serverURL("postgres", postgresSuperuser, p.password, p.port, database)
	dsn.RawQuery = "sslmode=disable"
	return dsn.String()
}

func (p *PostgresServer) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// exec runs one statement on a connection of its own.
func (p *PostgresServer) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// freeSegment reads the id of the System V segment from the lock file (line 7: key and id) that a killed server leaves.
func (p *PostgresServer) freeSegment() {
	text, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return
	}
	if fields := strings.Fields(lines[6]); len(fields) == 2 {
		if id, err := strconv.Atoi(fields[1]); err == nil {
			removeSegment(id)
		}
	}
}
