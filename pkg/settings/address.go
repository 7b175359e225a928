package settings

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Address is where a server of ours listens. An empty Host is every interface, port 0 any free one.
type Address struct {
	Host string
	Port uint16
	set  bool
}

// ParseAddress reads HOST:PORT, with an IPv6 host in brackets.
func ParseAddress(text string) (Address, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, "/@ ") {
		return Address{}, fmt.Errorf("%s is not HOST:PORT, such as 127.0.0.1:8080", quote(text))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Address{}, fmt.Errorf("%s is not a port from 0 to 65535", quote(port))
	}
	return Address{Host: host, Port: uint16(n), set: true}, nil
}

// IsZero reports whether nothing is to listen.
func (a Address) IsZero() bool { return !a.set }

// String returns HOST:PORT, as net.Listen takes it; empty for the zero Address.
func (a Address) String() string {
	if !a.set {
		return ""
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

func applyHealth(s *Settings, text string) []string {
	address, err := ParseAddress(text)
	if err != nil {
		return []string{err.Error()}
	}
	s.Health = address
	return nil
}

// isLoopback reports whether host cannot leave this machine. A name other than localhost is not looked up: what it
// resolves to may change.
func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
