package settings

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Field names a setting that a command can ask for; its text is the name of its flag.
type Field string

// The settings there are. The first block is read from the environment too.
const (
	LegacyDSN     Field = "legacy-dsn" // LEGACY_DSN
	TargetDSN     Field = "target-dsn" // TARGET_DSN
	NATSURL       Field = "nats-url"   // NATS_URL
	NATSCreds     Field = "nats-creds" // NATS_CREDS, with NATSURL
	MigrationName Field = "migration"  // REHOME_MIGRATION
	SlotCount     Field = "slots"      // REHOME_SLOTS
	ListenOn      Field = "listen"     // REHOME_LISTEN
	HealthOn      Field = "health"     // REHOME_HEALTH

	MappingFile  Field = "file" // also -f
	ThroughWave  Field = "through"
	DoAgain      Field = "again"
	LookAtAll    Field = "full"
	SampleUsers  Field = "sample"
	SayYes       Field = "yes"
	OutputForm   Field = "output"
	ReportFormat Field = "format"
	ReportTo     Field = "to"
)

// MaxSlots is the highest number of slots: past it one process has no use for more, a second machine has.
const MaxSlots = 256

// spec says how one setting is given and what becomes of its text.
type spec struct {
	field       Field
	env         string // empty: a flag only
	short       string
	placeholder string
	usage       string
	boolean     bool
	standard    func() string                           // its default; nil is none
	secretIn    func(text string) bool                  // whether the text may not stand in a flag; nil is never
	apply       func(s *Settings, text string) []string // returns what is wrong
}

func (sp *spec) fallback() string {
	if sp.standard == nil {
		return ""
	}
	return sp.standard()
}

// specs are the settings in the order in which their faults are reported.
var specs = []spec{
	{field: MappingFile, short: "f", placeholder: "FILE", usage: "the migration's mapping",
		apply: text(func(s *Settings) *string { return &s.File })},
	{field: LegacyDSN, env: "LEGACY_DSN", placeholder: "URL", usage: "legacy database, " + mysqlShape,
		secretIn: urlHoldsPassword, apply: applyLegacy},
	{field: TargetDSN, env: "TARGET_DSN", placeholder: "URL", usage: "target database, " + postgresShape,
		secretIn: urlHoldsPassword, apply: applyTarget},
	{field: NATSURL, env: "NATS_URL", placeholder: "URL", usage: "NATS servers, " + natsShape,
		secretIn: natsHoldsSecret, apply: applyNATS},
	{field: NATSCreds, env: "NATS_CREDS", placeholder: "FILE", usage: "NATS credentials: the path of a .creds file",
		secretIn: isCreds, apply: applyCreds},
	{field: MigrationName, env: "REHOME_MIGRATION", placeholder: "NAME", usage: "the migration's name",
		apply: applyMigration},
	{field: SlotCount, env: "REHOME_SLOTS", placeholder: "N", usage: "shards moved at the same time",
		standard: onePerCPU, apply: applySlots},
	{field: ListenOn, env: "REHOME_LISTEN", placeholder: "HOST:PORT", usage: "where the dashboard listens",
		standard: func() string { return "127.0.0.1:8080" }, apply: applyListen},
	{field: HealthOn, env: "REHOME_HEALTH", placeholder: "HOST:PORT", usage: "where /healthz and /readyz are answered",
		apply: applyHealth},
	{field: ThroughWave, placeholder: "WAVE", usage: "stop after this wave",
		apply: text(func(s *Settings) *string { return &s.Through })},
	{field: DoAgain, usage: "redo everyone, also those who are done", boolean: true, placeholder: "bool",
		apply: yesNo(func(s *Settings) *bool { return &s.Again })},
	{field: LookAtAll, usage: "look at the data of all users", boolean: true, placeholder: "bool",
		apply: yesNo(func(s *Settings) *bool { return &s.Full })},
	{field: SampleUsers, placeholder: "N", usage: "look at the data of so many users, spread over all; 10,000 unless --full",
		apply: applySample},
	{field: SayYes, usage: "do not ask", boolean: true, placeholder: "bool",
		apply: yesNo(func(s *Settings) *bool { return &s.Yes })},
	{field: OutputForm, placeholder: "FORM", usage: "text or json", standard: func() string { return "text" },
		apply: oneOf(func(s *Settings) *string { return &s.Output }, "text", "json")},
	{field: ReportFormat, placeholder: "FORM", usage: "text or json", standard: func() string { return "text" },
		apply: oneOf(func(s *Settings) *string { return &s.Format }, "text", "json")},
	{field: ReportTo, placeholder: "FILE", usage: "write to this file, not to standard output",
		apply: text(func(s *Settings) *string { return &s.To })},
}

// onePerCPU follows GOMAXPROCS, which the runtime sets from a container's CPU limit.
func onePerCPU() string {
	return strconv.Itoa(min(runtime.GOMAXPROCS(0), MaxSlots))
}

func text(into func(*Settings) *string) func(*Settings, string) []string {
	return func(s *Settings, text string) []string {
		*into(s) = text
		return nil
	}
}

func yesNo(into func(*Settings) *bool) func(*Settings, string) []string {
	return func(s *Settings, text string) []string {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return []string{quote(text) + " is neither true nor false"}
		}
		*into(s) = on
		return nil
	}
}

func oneOf(into func(*Settings) *string, choices ...string) func(*Settings, string) []string {
	return func(s *Settings, text string) []string {
		if !slices.Contains(choices, text) {
			return []string{fmt.Sprintf("%s is none of %s", quote(text), strings.Join(choices, ", "))}
		}
		*into(s) = text
		return nil
	}
}

var migrationName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

func applyMigration(s *Settings, text string) []string {
	if !migrationName.MatchString(text) {
		return []string{quote(text) + " is not a migration's name: 1 to 32 of a-z, 0-9 and _"}
	}
	s.Migration = text
	return nil
}

func applySample(s *Settings, text string) []string {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return []string{quote(text) + " is not a number of users, 1 or more"}
	}
	s.Sample = n
	return nil
}

func applySlots(s *Settings, text string) []string {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxSlots {
		return []string{fmt.Sprintf("%s is not a number from 1 to %d", quote(text), MaxSlots)}
	}
	s.Slots = n
	return nil
}
