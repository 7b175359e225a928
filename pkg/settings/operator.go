package settings

import (
	"os"
	"os/user"
)

// Operator names who has started the program, as far as the system knows: user@host.
func Operator() string {
	name, host := "somebody", "somewhere"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
