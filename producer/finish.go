package main

import (
	"github.com/spf13/cobra"

	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func finishCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.ReportFormat)
	return bind(&cobra.Command{
		Use:   "finish",
		Short: "put back the constraints and indexes of a run that died",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, nil, func(session *session) error {
				result, err := session.Finish(c.Context())
				if err != nil {
					return err
				}
				return show(c, s, result)
			})
		},
	}, s)
}
