package sandbox

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

const clientGrace = 5 * time.Second

// LoadScript feeds an SQL script, plain or compressed with gzip, to the database of a mysql:// DSN through the mariadb
// client, which stops at the first error. The error quotes the client, and so may quote the script. script is read to
// its end, or to the error, and not closed.
func LoadScript(ctx context.Context, dsn string, script io.Reader) error {
	cfg, err := mysqlConfig(dsn)
	if err != nil {
		return err
	}
	client, err := findMariaDB("mariadb-client", "mariadb", "mysql")
	if err != nil {
		return err
	}
	plain, err := unzipped(script)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return fmt.Errorf("read the address of the legacy DSN: %w", err)
	}
	source := &readErrorKeeper{Reader: plain}
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, client, "--no-defaults", "--protocol=tcp", "--host="+host, "--port="+port,
		"--user="+cfg.User, "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--binary-mode", "--batch",
		cfg.DBName)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+cfg.Passwd) // not in argv, which every user of the machine can read
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = source, &complaint, clientGrace
	if err := errors.Join(cmd.Run(), source.err); err != nil {
		return fmt.Errorf("load a script into %s: %w\n%s", cfg.DBName, err, strings.TrimSpace(complaint.String()))
	}
	return nil
}

func unzipped(script io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(script, 1<<16)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a script: %w", err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	plain, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("unzip a script: %w", err)
	}
	return plain, nil
}

// readErrorKeeper keeps a broken script from passing for a short one: the client sees only the end of its input.
type readErrorKeeper struct {
	io.Reader
	err error
}

func (r *readErrorKeeper) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = fmt.Errorf("read a script: %w", err)
	}
	return n, err
}
