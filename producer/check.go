package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func checkCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN)
	return bind(&cobra.Command{
		Use:   "check",
		Short: "read both catalogs and the mapping, change nothing, and list every problem with its place and fix",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, nil, func(session *session) error {
				risks, err := session.Warnings(c.Context())
				if err != nil {
					return err
				}
				for _, risk := range risks {
					fmt.Fprintln(c.ErrOrStderr(), "warning:", risk)
				}
				compiled, warnings, err := session.Check(c.Context())
				for _, w := range warnings {
					fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s fits both databases: %d entries\n", s.File, len(compiled.Plans))
				return err
			})
		},
	}, s)
}
