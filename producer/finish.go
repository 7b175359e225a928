package main

import (
	"errors"

	"github.com/spf13/cobra"

	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func finishCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.ReportFormat)
	return bind(&cobra.Command{
		Use:   "finish",
		Short: "put back the constraints and indexes of a run that died",
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := load(s)
			if err != nil {
				return err
			}
			session, err := open(c.Context(), s, file, t)
			if err != nil {
				return err
			}
			defer session.close()
			if err := session.install(c.Context()); err != nil {
				return err
			}
			result, err := session.Finish(c.Context())
			if err != nil {
				return err
			}
			return show(c, s, result)
		},
	}, s)
}

// show prints the report and ends the command with its exit status.
func show(c *cobra.Command, s *settings.Settings, r *report.Report) error {
	err := r.Write(c.OutOrStdout(), s.Format)
	if err != nil {
		return err
	}
	return settings.WithExit(r.Exit(), nil)
}

func resetCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.SayYes, settings.NATSURL, settings.NATSCreds)
	return bind(&cobra.Command{
		Use:   "reset",
		Short: "take out what the manifests say we wrote, and the ledger (for rehearsals)",
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := load(s)
			if err != nil {
				return err
			}
			if !s.Yes {
				return settings.WithExit(settings.ExitSettings, errors.New("reset deletes the migrated rows of "+file.Name.Text+" from "+s.Target.Redacted()+
					" and its ledger: say --yes if that is wanted"))
			}
			session, err := open(c.Context(), s, file, t)
			if err != nil {
				return err
			}
			defer session.close()
			if err := session.install(c.Context()); err != nil {
				return err
			}
			return session.Reset(c.Context())
		},
	}, s)
}
