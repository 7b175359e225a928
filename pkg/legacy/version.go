package legacy

import (
	"fmt"
	"strings"
)

// A version is what a server says that it is.
type version struct {
	maria               bool
	major, minor, patch int
}

func parseVersion(text string) (version, error) {
	v := version{maria: strings.Contains(strings.ToLower(text), "mariadb")}
	if n, _ := fmt.Sscanf(text, "%d.%d.%d", &v.major, &v.minor, &v.patch); n < 2 {
		return v, fmt.Errorf("the server calls its version %.40q, which is neither MySQL's nor MariaDB's way", text)
	}
	return v, nil
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

func (v version) supported() error {
	if v.maria && !v.atLeast(10, 5) {
		return fmt.Errorf("it is %s, and rehome needs MariaDB 10.5 or newer; upgrade it, or read from a replica that is newer", v)
	}
	if !v.maria && !v.atLeast(5, 7) {
		return fmt.Errorf("it is %s, and rehome needs MySQL 5.7 or newer; upgrade it, or read from a replica that is newer", v)
	}
	return nil
}

// String returns the server's name and version.
func (v version) String() string {
	name := "MySQL"
	if v.maria {
		name = "MariaDB"
	}
	return fmt.Sprintf("%s %d.%d.%d", name, v.major, v.minor, v.patch)
}
