package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"rehome/pkg/mapping"
	"rehome/pkg/producer"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func resetCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.SayYes, settings.NATSURL).WithNATS()
	return bind(&cobra.Command{
		Use:   "reset",
		Short: "take out what the manifests say we wrote, and the ledger (for rehearsals)",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, func(file *mapping.File) error { return confirmed(s, file) }, func(session *session) error {
				gone, err := session.reset(c.Context(), s, t)
				if gone != nil {
					err = errors.Join(err, removalText(c.OutOrStdout(), gone))
				}
				return err
			})
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

// reset takes the migration out of target and ledger, and then what its queue still has. It returns what it has taken out also where the queue could not be cleared.
func (s *session) reset(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (*producer.Removal, error) {
	if from.NATS == nil {
		gone, err := s.Reset(ctx)
		if err != nil {
			return nil, err
		}
		if err := os.RemoveAll(queue.Store(s.File.Name.Text)); err != nil {
			return gone, leftInQueue(err)
		}
		_ = os.Remove(filepath.Dir(queue.Store(s.File.Name.Text))) // unless it holds others
		return gone, nil
	}
	conn, err := connect(ctx, from, t)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	gone, err := s.Reset(ctx)
	if err != nil {
		return nil, err
	}
	if err := conn.Delete(ctx, s.File.Name.Text); err != nil {
		return gone, leftInQueue(err)
	}
	return gone, nil
}

func leftInQueue(err error) error {
	return fmt.Errorf("the migration is out of the target; remove what its queue has left: %w", err)
}

// removalText says what was taken out.
func removalText(w io.Writer, r *producer.Removal) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is out of the target and of the ledger: %s taken out\n", r.Migration, countedRows(r.Rows()))
	rows := [][]string{{"TABLE", "ROWS TAKEN OUT"}}
	for _, t := range r.Tables {
		rows = append(rows, []string{t.Into, report.Number(t.Rows)})
	}
	if len(r.Tables) > 0 {
		b.WriteByte('\n')
		report.Columns(&b, rows)
	}
	if r.Parts > 0 {
		fmt.Fprintf(&b, "\nconstraints and indexes that a run had left off are back: %s\n", report.Number(int64(r.Parts)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func countedRows(n int64) string {
	if n == 1 {
		return "1 row was"
	}
	return report.Number(n) + " rows were"
}
