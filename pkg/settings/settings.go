// Package settings reads what a program was told, from its flags and its environment, into typed values: all that is
// wrong is reported at once, before anything is touched, and no secret is ever printed. It knows nothing of what the
// values are used for, opens no connection, and leaves OTEL_* to package telemetry.
package settings

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"
)

// Settings are the values that a command asked for with New. A field that was not asked for, or is optional and not
// given, has its zero value. Printing a Settings shows no secret.
type Settings struct {
	Legacy    *MySQL        // the legacy database; nil when not given
	Replica   *MySQL        // a replica of its server, whose lag can be limited; nil when not given
	Target    *Postgres     // the target database; nil when not given
	NATS      *NATS         // the NATS servers and who we are to them; nil when no URL is given
	Streams   Streams       // how they keep what they are given
	Migration string        // a migration's name, [a-z0-9_]{1,32}; empty when not given
	Slots     int           // how many shards are moved at the same time, 1 to 256; by default one per CPU
	SlotsAuto bool          // Slots is the most there may be: how many are open is for the worker to find
	Pages     Pages         // how the dashboard is served; by default on 127.0.0.1:8080
	TraceURL  string        // where a trace is shown, with {trace_id} for its id; empty when not given
	Strict    bool          // about database rights that are not needed
	Health    Address       // where health is answered; its zero value says nowhere, which is the default
	Grace     time.Duration // that shards in work have to end when the program is told to stop, 1s to 1h; by default 20s

	File    string // path of migration.yaml
	Through string // name of the last wave of this run; empty is all of them
	Pass    string // name of the wave behind which a run goes on though its gate is closed; empty is none
	Until   Until  // when the run has to be over; its zero value says nothing
	Again   bool   // redo everyone
	Full    bool   // look at all data
	Sample  int    // else at that of so many users; 0 when not given
	Yes     bool   // go on without asking
	Output  string // of a listing: "text" (default) or "json"
	Format  string // of a report: "text" (default), "json" or "html"
	To      string // path of the file that a report is written to; empty is standard output
	Verify  string // path of a report that is to be verified; empty when none is

	// Warnings are what Load accepted and an operator should still know, one sentence each, free of secrets: a
	// connection to another machine that is not both encrypted and verified.
	Warnings []string

	asked []*ask
	login natsLogin
}

// ask is one setting that a command wants, with what its flag was given.
type ask struct {
	spec
	required bool
	flag     flagText
}

// New returns Settings that will read the given fields, all of them optional. It panics on a field that does not exist.
func New(fields ...Field) *Settings {
	s := &Settings{}
	return s.add(false, fields)
}

// Require adds fields that must be given: Load reports each that is not. It returns s.
func (s *Settings) Require(fields ...Field) *Settings {
	return s.add(true, fields)
}

// Need makes a field that was asked for one that must be given, as of a command that needs it with some of its flags alone.
func (s *Settings) Need(field Field) {
	for _, a := range s.asked {
		a.required = a.required || a.field == field
	}
}

func (s *Settings) add(required bool, fields []Field) *Settings {
	for _, field := range fields {
		all := slices.Concat(specs, pageSpecs)
		i := slices.IndexFunc(all, func(sp spec) bool { return sp.field == field })
		if i < 0 {
			panic(fmt.Sprintf("settings: no field %q", field))
		}
		s.asked = append(s.asked, &ask{spec: all[i], required: required})
	}
	return s
}

// Bind adds the flag of every field asked for. The flags take any text, so that parsing them never stops at the first
// wrong one: Load judges them together with the environment.
func (s *Settings) Bind(flags *pflag.FlagSet) {
	for _, a := range s.asked {
		a.flag.placeholder = a.placeholder
		flag := flags.VarPF(&a.flag, string(a.field), a.short, a.help())
		flag.DefValue = a.fallback()
		if a.boolean {
			flag.NoOptDefVal = "true"
		}
	}
}

// Load reads every field asked for: its flag, else its environment variable, else the file that the variable with _FILE
// at its end names, else its default. It returns nil, or all that is wrong as a Faults under ExitSettings; s is
// then not to be used. It reads files, and touches nothing else. A nil env is the process's environment.
func (s *Settings) Load(env Environ) error {
	if env == nil {
		env = os.LookupEnv
	}
	var faults Faults
	for _, a := range s.asked {
		faults = append(faults, s.load(a, env)...)
	}
	faults = append(faults, s.joinNATS()...)
	faults = append(faults, s.joinPages()...)
	if len(faults) > 0 {
		return WithExit(ExitSettings, faults)
	}
	return nil
}

func (s *Settings) load(a *ask, env Environ) Faults {
	name, text, err := a.read(env)
	if err != nil {
		return Faults{{Name: name, Problem: err.Error()}}
	}
	if text == "" {
		if a.flag.set && a.env == "" { // as of a variable that a script forgot
			return Faults{{Name: name, Problem: "is empty; say a value, or leave it out"}}
		}
		if a.required {
			return Faults{{Name: name, Problem: "is not set; " + a.howToGive()}}
		}
		text = a.fallback()
	}
	if text == "" {
		return nil
	}
	var faults Faults
	if a.flag.set && a.secretIn != nil && a.secretIn(text) {
		faults = append(faults, Fault{Name: name, Problem: fmt.Sprintf("holds a secret, and everyone on this machine can "+
			"read a flag in the list of processes; put it into %s or %s_FILE", a.env, a.env)})
	}
	for _, problem := range a.apply(s, text) {
		faults = append(faults, Fault{Name: name, Problem: problem})
	}
	return faults
}
