package queue

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const loopback = "127.0.0.1"

// An address is what a client of an embedded server has to know.
type address struct {
	port  int
	token string
}

func (a address) url() string { return "nats://" + net.JoinHostPort(loopback, strconv.Itoa(a.port)) }

func addressPath(dir string) string { return filepath.Join(dir, "address") }

// writeAddress leaves the address in dir for readAddress, for the owner's eyes only. Who reads meanwhile sees the old one.
func writeAddress(dir string, a address) error {
	file, err := os.CreateTemp(dir, "address.*") // 0600
	if err != nil {
		return fmt.Errorf("write down the server's address: %w", err)
	}
	_, err = fmt.Fprintf(file, "%d\n%s\n", a.port, a.token)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), addressPath(dir))
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write down the server's address: %w", err)
	}
	return nil
}

// readAddress returns what writeAddress has left. Its errors do not show what stands in the file.
func readAddress(dir string) (address, error) {
	text, err := os.ReadFile(addressPath(dir))
	if err != nil {
		return address{}, fmt.Errorf("look up the server's address: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 {
		return address{}, fmt.Errorf("look up the server's address: %s is damaged", addressPath(dir))
	}
	port, err := strconv.ParseUint(lines[0], 10, 16)
	if err != nil || lines[1] == "" {
		return address{}, fmt.Errorf("look up the server's address: %s is damaged", addressPath(dir))
	}
	return address{port: int(port), token: lines[1]}, nil
}
