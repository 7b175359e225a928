package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"rehome/pkg/mapping"
	"rehome/pkg/queue"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func resetCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.SayYes, settings.NATSURL).WithNATS()
	return bind(&cobra.Command{
		Use:   "reset",
		Short: "take out what the manifests say we wrote, and the ledger (for rehearsals)",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, func(file *mapping.File) error { return confirmed(s, file) }, func(session *session) error { return session.reset(c.Context(), s, t) })
		},
	}, s)
}

// confirmed refuses to delete anything that nobody said may be deleted.
func confirmed(s *settings.Settings, file *mapping.File) error {
	if s.Yes {
		return nil
	}
	return settings.WithExit(settings.ExitSettings, errors.New("reset deletes the migrated rows of "+file.Name.Text+" from "+s.Target.Redacted()+
		" and its ledger: say --yes if that is wanted"))
}

// reset takes the migration out of target and ledger, and then what its queue still has.
func (s *session) reset(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) error {
	if from.NATS == nil {
		if err := s.Reset(ctx); err != nil {
			return err
		}
		if err := os.RemoveAll(queue.Store(s.File.Name.Text)); err != nil {
			return fmt.Errorf("the migration is out of the target; remove what its queue has left: %w", err)
		}
		_ = os.Remove(filepath.Dir(queue.Store(s.File.Name.Text))) // unless it holds others
		return nil
	}
	conn, err := connect(ctx, from, t)
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
