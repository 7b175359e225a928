package deploy

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose reads the text of docker-compose.yml as docker compose does, with all its profiles: schema, references, what is merged into
// its services. The environment is what stands in its ${NAME}s.
func compose(ctx context.Context, source []byte, environment ...string) (*types.Project, error) {
	top, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  top,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(top, "docker-compose.yml"), Content: source}},
		Environment: types.NewMapping(environment),
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
}

// ours are the services that run a program of rehome's image.
func ours(p *types.Project) (names []string) {
	for name, service := range p.Services {
		if service.Build != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// composeFaults returns what is wrong with the text of docker-compose.yml.
func composeFaults(t *testing.T, source []byte) []string {
	p, err := compose(t.Context(), source)
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for name, service := range p.Services {
		for _, fault := range slices.Concat(exposure(service), confinement(service), files(p, service), waiting(p, service)) {
			faults = append(faults, name+": "+fault)
		}
	}
	for _, name := range ours(p) {
		for _, fault := range slices.Concat(stopping(p.Services[name]), startFaults(t, p.Services[name])) {
			faults = append(faults, name+": "+fault)
		}
	}
	return faults
}

// startFaults asks the program whether it can be started like that.
func startFaults(t *testing.T, s types.ServiceConfig) []string {
	i := invocation{command: slices.Concat(s.Entrypoint, s.Command), variables: slices.Sorted(maps.Keys(s.Environment))}
	faults := i.faults(t)
	if s.HealthCheck != nil {
		faults = append(faults, i.probeFaults(t, s.HealthCheck.Test[1:])...)
	}
	return faults
}

// exposure finds what other machines could reach, and what keeps a service from being scaled.
func exposure(s types.ServiceConfig) (faults []string) {
	for _, port := range s.Ports {
		if ip, err := netip.ParseAddr(port.HostIP); err != nil || !ip.IsLoopback() {
			faults = append(faults, fmt.Sprintf("port %d is published on %q, which other machines reach", port.Target, port.HostIP))
		}
	}
	if s.ContainerName != "" || s.Name == "worker" && len(s.Ports) > 0 {
		faults = append(faults, "it has a name or a port of its own, so that there can be only one of it")
	}
	if s.Build == nil && !version.MatchString(s.Image) {
		faults = append(faults, fmt.Sprintf("the image %s has no minor version", s.Image))
	}
	return faults
}

// rooted are the images that start as root to give a volume away, and write to their own file system.
var rooted = []string{"mysql", "postgres"}

func confinement(s types.ServiceConfig) (faults []string) {
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		faults = append(faults, "it may gain rights that it was not started with")
	}
	if slices.Contains(rooted, s.Name) {
		return faults
	}
	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.Init == nil || !*s.Init {
		faults = append(faults, "it is not confined: init, read_only, cap_drop")
	}
	return faults
}

// files looks for what a service mounts. Text that stands in docker-compose.yml cannot be put into a container whose file system is
// read-only: only a file can.
func files(p *types.Project, s types.ServiceConfig) (faults []string) {
	for _, config := range s.Configs {
		switch source := p.Configs[config.Source]; {
		case source.File == "" && s.ReadOnly:
			faults = append(faults, fmt.Sprintf("config %s is no file, and the service is read-only", config.Source))
		case source.File != "":
			if _, err := os.Stat(source.File); err != nil {
				faults = append(faults, err.Error())
			}
		}
	}
	for _, volume := range s.Volumes {
		if volume.Type != types.VolumeTypeBind || filepath.Base(volume.Source) == "migration.yaml" && s.Name == "producer" { // the reader's own
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			faults = append(faults, err.Error())
		}
	}
	return faults
}

// waiting wants a service to wait for those that it needs until they are well, which takes a health check of theirs.
func waiting(p *types.Project, s types.ServiceConfig) (faults []string) {
	for name, dependency := range s.DependsOn {
		check := p.Services[name].HealthCheck
		if dependency.Condition == types.ServiceConditionHealthy && (check == nil || len(check.Test) == 0) {
			faults = append(faults, fmt.Sprintf("it waits until %s is healthy, which says nothing of that", name))
		}
	}
	if s.Build == nil {
		return faults
	}
	for _, name := range []string{"mysql", "postgres", "nats"} {
		if got := s.DependsOn[name].Condition; got != types.ServiceConditionHealthy {
			faults = append(faults, fmt.Sprintf("it starts when %s is %q", name, got))
		}
	}
	return faults
}

// stopping compares the time that a program takes to stop with the time after which it is killed.
func stopping(s types.ServiceConfig) []string {
	grace := 20 * time.Second // the programs' own
	if text := s.Environment["REHOME_GRACE"]; text != nil {
		var err error
		if grace, err = time.ParseDuration(*text); err != nil {
			return []string{"REHOME_GRACE: " + err.Error()}
		}
	}
	if until := s.StopGracePeriod; until == nil || time.Duration(*until) < grace+10*time.Second {
		return []string{fmt.Sprintf("it is killed before %s are over, which it may take to stop", grace+10*time.Second)}
	}
	return nil
}
