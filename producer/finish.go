package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
			return session.reset(c.Context(), s, t)
		},
	}, s)
}

// reset takes the migration out of target and ledger, and then what its queue still has.
func (s *session) reset(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) error {
	if from.NATS == nil {
		if err := s.Reset(ctx); err != nil {
			return err
		}
		if err := os.RemoveAll(store(s.File.Name.Text)); err != nil {
			return fmt.Errorf("the migration is out of the target; remove what its queue has left: %w", err)
		}
		_ = os.Remove(filepath.Dir(store(s.File.Name.Text))) // unless it holds others
		return nil
	}
	conn, err := connect(ctx, from.NATS, t)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := s.Reset(ctx); err != nil {
		return err
	}
	if err := conn.Delete(ctx, s.File.Name.Text); err != nil {
		return fmt.Errorf("the migration is out of the target; remove what its queue has left: %w", err)
	}
	return nil
}
