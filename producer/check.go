package main

import (
	"cmp"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rehome/pkg/mapping"
	"rehome/pkg/preflight"
	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func checkCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.LookAtAll, settings.SampleUsers, settings.OutputForm)
	return bind(&cobra.Command{
		Use:   "check",
		Short: "read both catalogs, the mapping and the data, change nothing, and list every problem with its place and fix",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, func(*mapping.File) error { return oneExtent(s) }, func(session *session) error {
				how := producer.Inspection{Users: cmp.Or(s.Sample, sampled)}
				if s.Full {
					how.Users = 0
				}
				watch := newWatch(c.ErrOrStderr())
				how.Progress = watch.show
				found, err := session.Inspect(c.Context(), how)
				watch.clear()
				if err != nil {
					return err
				}
				write := found.Text
				if s.Output == "json" {
					write = found.JSON
				}
				if err := write(c.OutOrStdout()); err != nil {
					return err
				}
				return settings.WithExit(statusOf(found), nil)
			})
		},
	}, s)
}

// sampled is how many users are looked at where nobody says it.
const sampled = 10_000

func oneExtent(s *settings.Settings) error {
	if s.Full && s.Sample > 0 {
		return settings.WithExit(settings.ExitSettings, settings.Faults{{Name: "--sample", Problem: "goes not with --full, which looks at all users; give one of them"}})
	}
	return nil
}

// statusOf is what a check ends with: 2 where the mapping does not compile, 5 where data is unhandled.
func statusOf(found *preflight.Result) int {
	switch {
	case !found.Compiles:
		return settings.ExitSettings
	case found.Problems() > 0:
		return settings.ExitData
	}
	return settings.ExitClean
}

// A watch shows on a terminal how far a check has come. It is silent elsewhere.
type watch struct {
	w     io.Writer
	shown bool
}

func newWatch(w io.Writer) *watch {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return &watch{}
	}
	return &watch{w: w}
}

func (v *watch) show(users, of int64) {
	if v.w == nil {
		return
	}
	v.shown = true
	fmt.Fprintf(v.w, "\rlooked at %s of %s users (%d %%)\x1b[K", report.Number(users), report.Number(of), 100*users/max(1, of))
}

// clear takes the line away.
func (v *watch) clear() {
	if v.shown {
		fmt.Fprint(v.w, "\r\x1b[K")
	}
}
