package settings

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field names a setting that a command can ask for; its text is the name of its flag.
type Field string

// The settings there are. The first block is read from the environment too.
const (
	LegacyDSN     Field = "legacy-dsn"  // LEGACY_DSN
	ReplicaDSN    Field = "replica-dsn" // REPLICA_DSN
	TargetDSN     Field = "target-dsn"  // TARGET_DSN
	NATSURL       Field = "nats-url"    // NATS_URL
	NATSCreds     Field = "nats-creds"  // NATS_CREDS, with NATSURL, as are the others of NATS
	NATSNKey      Field = "nats-nkey"   // NATS_NKEY
	NATSCA        Field = "nats-ca"     // NATS_CA
	NATSCert      Field = "nats-cert"   // NATS_CERT
	NATSKey       Field = "nats-key"    // NATS_KEY
	MigrationName Field = "migration"   // REHOME_MIGRATION
	SlotCount     Field = "slots"       // REHOME_SLOTS
	HealthOn      Field = "health"      // REHOME_HEALTH
	GraceTime     Field = "grace"       // REHOME_GRACE

	MappingFile  Field = "file" // also -f
	ThroughWave  Field = "through"
	PassGate     Field = "pass"
	UntilTime    Field = "until"
	DoAgain      Field = "again"
	LookAtAll    Field = "full"
	SampleUsers  Field = "sample"
	SayYes       Field = "yes"
	OutputForm   Field = "output"
	ReportFormat Field = "format"
	ReportTo     Field = "to"
	VerifyFile   Field = "verify"
)

// Of the streams, for who makes them.
const (
	NATSReplicas Field = "nats-replicas"  // NATS_REPLICAS
	NATSStorage  Field = "nats-storage"   // NATS_STORAGE
	NATSMaxBytes Field = "nats-max-bytes" // NATS_MAX_BYTES
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
	{field: ReplicaDSN, env: "REPLICA_DSN", placeholder: "URL", usage: "a replica of the legacy server, whose lag can be limited, " + mysqlShape,
		secretIn: urlHoldsPassword, apply: applyReplica},
	{field: TargetDSN, env: "TARGET_DSN", placeholder: "URL", usage: "target database, " + postgresShape,
		secretIn: urlHoldsPassword, apply: applyTarget},
	{field: NATSURL, env: "NATS_URL", placeholder: "URL", usage: "NATS servers, " + natsShape,
		secretIn: natsHoldsSecret, apply: applyNATS},
	{field: NATSCreds, env: "NATS_CREDS", placeholder: "FILE", usage: "NATS credentials: the path of a .creds file",
		secretIn: isCreds, apply: applyCreds},
	{field: NATSNKey, env: "NATS_NKEY", placeholder: "FILE", usage: "NATS user: the path of a file with an NKey's seed",
		secretIn: isSeed, apply: applyNKey},
	{field: NATSCA, env: "NATS_CA", placeholder: "FILE", usage: "certificates of the authorities that sign the NATS servers'", apply: applyCA},
	{field: NATSCert, env: "NATS_CERT", placeholder: "FILE", usage: "certificate that is shown to the NATS servers", apply: applyCert},
	{field: NATSKey, env: "NATS_KEY", placeholder: "FILE", usage: "private key of that certificate", secretIn: isPEM, apply: applyKey},
	{field: NATSReplicas, env: "NATS_REPLICAS", placeholder: "N", usage: "copies of each stream: 1, 3 or 5; what it has, and 1 for a new one",
		apply: applyReplicas},
	{field: NATSStorage, env: "NATS_STORAGE", placeholder: "KIND", usage: "where streams are kept: file or memory", apply: applyStorage},
	{field: NATSMaxBytes, env: "NATS_MAX_BYTES", placeholder: "SIZE", usage: "how much each stream may hold, as in 256MiB", apply: applyMaxBytes},
	{field: MigrationName, env: "REHOME_MIGRATION", placeholder: "NAME", usage: "the migration's name",
		apply: applyMigration},
	{field: SlotCount, env: "REHOME_SLOTS", placeholder: "N", usage: "shards moved at the same time, or auto: as many as make it faster",
		standard: onePerCPU, apply: applySlots},
	{field: HealthOn, env: "REHOME_HEALTH", placeholder: "HOST:PORT", usage: "where /healthz, /readyz and /metrics are answered",
		apply: applyHealth},
	{field: GraceTime, env: "REHOME_GRACE", placeholder: "DURATION", usage: "time that shards in work have to end when the program is told to stop",
		standard: func() string { return "20s" }, apply: applyGrace},
	{field: StrictRoles, env: "REHOME_STRICT_ROLES", usage: "refuse to start with database rights that are not needed", boolean: true, placeholder: "bool",
		apply: yesNo(func(s *Settings) *bool { return &s.Strict })},
	{field: ThroughWave, placeholder: "WAVE", usage: "stop after this wave",
		apply: text(func(s *Settings) *string { return &s.Through })},
	{field: PassGate, placeholder: "WAVE", usage: "go on behind this wave, though its gate is closed",
		apply: text(func(s *Settings) *string { return &s.Pass })},
	{field: UntilTime, placeholder: "TIME@ZONE", usage: "have nothing in work behind this time, as in 06:00@Europe/Berlin",
		apply: applyUntil},
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
	{field: ReportFormat, placeholder: "FORM", usage: "text, json or html", standard: func() string { return "text" },
		apply: oneOf(func(s *Settings) *string { return &s.Format }, "text", "json", "html")},
	{field: ReportTo, placeholder: "FILE", usage: "write to this file, not to standard output",
		apply: text(func(s *Settings) *string { return &s.To })},
	{field: VerifyFile, placeholder: "FILE", usage: "prove that nothing in this report was changed; with the target, also that its ledger says the same",
		apply: text(func(s *Settings) *string { return &s.Verify })},
}

// onePerCPU follows GOMAXPROCS, which the runtime sets from a container's CPU limit.
func onePerCPU() string {
	return strconv.Itoa(min(runtime.GOMAXPROCS(0), MaxSlots))
}

// WithNATS adds the optional fields by which the servers of NATSURL know us and we them. It returns s.
func (s *Settings) WithNATS() *Settings {
	return s.add(false, []Field{NATSCreds, NATSNKey, NATSCA, NATSCert, NATSKey})
}

// WithStreams adds the optional fields of the streams, for a command that makes them. It returns s.
func (s *Settings) WithStreams() *Settings {
	return s.add(false, []Field{NATSReplicas, NATSStorage, NATSMaxBytes})
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

// longestGrace is more than any service manager waits.
const longestGrace = time.Hour

func applyGrace(s *Settings, text string) []string {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > longestGrace {
		return []string{quote(text) + " is not a time from 1s to 1h, as in 20s"}
	}
	s.Grace = d
	return nil
}

// mostAuto is the highest number of slots that a worker finds itself, which has memory for so many.
const mostAuto = 16

func applySlots(s *Settings, text string) []string {
	if text == "auto" {
		s.Slots, s.SlotsAuto = min(mostAuto, 4*runtime.GOMAXPROCS(0)), true
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxSlots {
		return []string{fmt.Sprintf("%s is neither a number from 1 to %d nor auto", quote(text), MaxSlots)}
	}
	s.Slots = n
	return nil
}
