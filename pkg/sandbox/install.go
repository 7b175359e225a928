package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	policyFile  = "usr/sbin/policy-rc.d"
	clusterFile = "etc/postgresql-common/createcluster.conf"

	// denyServices is Debian's way to say that a package being installed must not start its service.
	denyServices = "#!/bin/sh\nexit 101\n"
	noMain       = "# written by rehome's sandbox: clusters are made on demand\ncreate_main_cluster = false\n"
)

// What is installed where it is asked for alone: Debian's packages.
const (
	Faketime = "faketime" // a Clock needs it
	Chromium = "chromium" // tests of pages need it
	Pgloader = "pgloader" // benchmarks compare with it
)

// withServices are the packages here that bring a service, and its name.
var withServices = map[string]string{"mariadb-server": "mariadb", "postgresql": "postgresql"}

// Install installs the servers that are missing from Debian's packages, and of also what is, with apt-get's output on w, and keeps
// the packages' own services from running. Where nothing is missing it does nothing. Where it may not install, for want of root or
// of apt-get, the error has the commands to run.
func Install(ctx context.Context, w io.Writer, also ...string) error {
	_, noApt := exec.LookPath("apt-get")
	_, noSystemd := os.Stat("/run/systemd/system")
	i := installer{
		root: "/", out: w,
		allowed: os.Geteuid() == 0 && noApt == nil,
		systemd: noSystemd == nil,
		run:     func(ctx context.Context, argv ...string) error { return runShown(ctx, w, argv) },
	}
	return i.install(ctx, missingPackages(also))
}

func missingPackages(also []string) []string {
	var packages []string
	_, server := findMariaDB("mariadb-server", "mariadbd", "mysqld")
	_, installer := findMariaDB("mariadb-server", "mariadb-install-db", "mysql_install_db")
	_, client := findMariaDB("mariadb-client", "mariadb", "mysql")
	if errors.Join(server, installer, client) != nil {
		packages = append(packages, "mariadb-server")
	}
	_, postgres := findPostgres("postgres")
	_, initdb := findPostgres("initdb")
	if errors.Join(postgres, initdb) != nil {
		packages = append(packages, "postgresql")
	}
	if _, err := findFaketime(); err != nil && slices.Contains(also, Faketime) {
		packages = append(packages, Faketime)
	}
	if _, err := Browser(); err != nil && slices.Contains(also, Chromium) {
		packages = append(packages, Chromium)
	}
	if _, err := exec.LookPath(Pgloader); err != nil && slices.Contains(also, Pgloader) {
		packages = append(packages, Pgloader)
	}
	return packages
}

// installer is Install with the machine taken out.
type installer struct {
	root    string
	allowed bool
	systemd bool
	out     io.Writer
	run     func(ctx context.Context, argv ...string) error
}

func (i installer) install(ctx context.Context, packages []string) (err error) {
	if len(packages) == 0 {
		return nil
	}
	apt := append([]string{"apt-get", "install", "--yes", "--no-install-recommends"}, packages...)
	if !i.allowed {
		return fmt.Errorf("%s not installed; run as root:\n  apt-get update\n  %s",
			strings.Join(packages, " and "), strings.Join(apt, " "))
	}
	if err := i.forbidMainCluster(packages); err != nil {
		return err
	}
	undo, err := i.forbidServices()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, undo()) }()
	if err := i.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	if err := i.run(ctx, apt...); err != nil {
		return err
	}
	return i.disableServices(ctx, packages)
}

// forbidServices leaves a policy that is there already alone: it is the machine's own.
func (i installer) forbidServices() (undo func() error, err error) {
	path := filepath.Join(i.root, policyFile)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keep services from starting: %w", err)
	}
	_, err = file.WriteString(denyServices)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("keep services from starting: %w", err), os.Remove(path))
	}
	return func() error { return os.Remove(path) }, nil
}

// forbidMainCluster keeps Debian's package from making a cluster of its own, which would start at the next boot.
func (i installer) forbidMainCluster(packages []string) error {
	path := filepath.Join(i.root, clusterFile)
	if _, err := os.Stat(path); err == nil || !slices.Contains(packages, "postgresql") {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep PostgreSQL's package from making a cluster: %w", err)
	}
	if err := os.WriteFile(path, []byte(noMain), 0o644); err != nil {
		return fmt.Errorf("keep PostgreSQL's package from making a cluster: %w", err)
	}
	fmt.Fprintf(i.out, "wrote %s: no cluster is made by the package\n", path)
	return nil
}

// disableServices keeps what was installed here from starting at the next boot.
func (i installer) disableServices(ctx context.Context, packages []string) error {
	if !i.systemd {
		return nil
	}
	argv := []string{"systemctl", "disable"}
	for _, name := range packages {
		if service, has := withServices[name]; has {
			argv = append(argv, service)
		}
	}
	if len(argv) == 2 {
		return nil
	}
	return i.run(ctx, argv...)
}

func runShown(ctx context.Context, w io.Writer, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = w, w
	// dpkg that is killed leaves packages half configured.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w", strings.Join(argv, " "), err)
	}
	return nil
}
