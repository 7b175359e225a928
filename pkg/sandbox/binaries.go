package sandbox

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// MissingError says which program a server needs and does not find, and how it is installed.
type MissingError struct {
	Program string // as it would be typed
	Package string // the Debian package that brings it
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed; run (as root): apt-get update && apt-get install --no-install-recommends %s",
		e.Program, e.Package)
}

// findMariaDB finds a program of the MariaDB packages; several names are the same program's, newest first.
func findMariaDB(debianPackage string, names ...string) (string, error) {
	for _, name := range names {
		for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
			if path, err := exec.LookPath(candidate); err == nil {
				return path, nil
			}
		}
	}
	return "", &MissingError{Program: names[0], Package: debianPackage}
}

// PostgresProgram returns the path of a client program, such as pg_dump, of the version that the sandbox's servers have. The
// error is a *MissingError when it is not installed.
func PostgresProgram(name string) (string, error) { return findPostgres(name) }

// findPostgres finds a program of the newest PostgreSQL that Debian's packages installed, else one in PATH.
func findPostgres(name string) (string, error) {
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	slices.SortFunc(versions, func(a, b string) int { return cmp.Compare(majorVersion(b), majorVersion(a)) })
	for _, candidate := range append(versions, name) {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", &MissingError{Program: name, Package: "postgresql"}
}

func majorVersion(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// Browser returns the path of a Chromium. The error is a *MissingError when none is installed.
func Browser() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &MissingError{Program: "chromium", Package: Chromium}
}
