package mapping

import (
	"context"
	"fmt"
	"time"
)

// Compile fits a mapping to the catalogs of both databases. All that does not fit comes back as Faults in err, at once, with
// places in the file; warnings are what fits but will hurt. Any other error means that the legacy server could not be asked.
// With an error there is no Compiled.
func Compile(ctx context.Context, file *File, legacy *LegacyCatalog, target *TargetCatalog) (c *Compiled, warnings Faults, err error) {
	k := &compiler{file: file, legacy: legacy, target: target, zone: time.UTC, makers: map[string][]*entry{}, lost: map[string]bool{}}
	k.later()
	k.zones()
	entries, err := k.read(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("ask the legacy server about the mapping's expressions: %w", err)
	}
	k.entities(entries)
	k.ordered()
	c = &Compiled{File: file, Hash: Hash(file), Keys: k.keys}
	for _, e := range entries {
		c.Plans = append(c.Plans, e.plan)
		if e.fits {
			k.entry(e)
		}
	}
	for _, e := range entries {
		if e.gathers != nil {
			e.gathers.plan.Ordinal = len(c.Plans)
			c.Plans = append(c.Plans, e.gathers.plan)
		}
	}
	k.leftovers(entries)
	if err := k.faults.Err(); err != nil {
		return nil, k.warnings.Sorted(), err
	}
	c.Fingerprint = Fingerprint(c, legacy, target)
	return c, k.warnings.Sorted(), nil
}

// A compiler is one run of Compile.
type compiler struct {
	file     *File
	legacy   *LegacyCatalog
	target   *TargetCatalog
	zone     *time.Location
	faults   Faults
	warnings Faults
	users    *scope
	keys     Keyspace            // as far as users can be read
	makers   map[string][]*entry // entity to the entries whose rows carry its identifiers
	lost     map[string]bool     // entities that an entry which does not fit may make
}

func (k *compiler) fault(pos Pos, path, fix, format string, args ...any) {
	k.faults.Add(Fault{Pos: pos, File: k.file.Source, Path: path, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (k *compiler) warn(pos Pos, path, fix, format string, args ...any) {
	k.warnings.Add(Fault{Pos: pos, File: k.file.Source, Path: path, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// later refuses what the language has and this version does not do yet.
func (k *compiler) later() {
	if k.file.WavesLive {
		k.fault(Pos{}, "waves_live", laterFix, "people cannot use the target between waves yet")
	}
}

const laterFix = "take it out, or wait for the version that has it"

func (k *compiler) zones() {
	name := k.file.Legacy.TimeZone
	if name.Text == "" {
		return
	}
	zone, err := time.LoadLocation(name.Text)
	if err != nil {
		k.fault(name.Pos, "legacy.time_zone", "write an IANA name such as Europe/Berlin", "there is no time zone %q", name.Text)
		return
	}
	k.zone = zone
}
