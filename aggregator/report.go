package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/report"
	"rehome/pkg/settings"
)

func watchCommand() *cobra.Command {
	s := settings.New(settings.MigrationName, settings.ReportFormat).Require(settings.TargetDSN)
	return bind(&cobra.Command{
		Use: "watch", Short: "show the progress in a terminal, and the verdict when it stands",
		RunE: func(c *cobra.Command, _ []string) error {
			return withLedger(c, s, func(l *ledger.Ledger, name string) error {
				view := aggregator.NewView(os.Stderr)
				result, err := aggregator.Watch(c.Context(), l, name, version, time.Second, view.Show)
				view.Close()
				if err != nil {
					return err
				}
				return show(c, s, result)
			})
		},
	}, s)
}

func reportCommand() *cobra.Command {
	s := settings.New(settings.MigrationName, settings.ReportFormat, settings.ReportTo, settings.VerifyFile, settings.TargetDSN)
	return bind(&cobra.Command{
		Use: "report", Short: "the verdict with all its sums, from the ledger alone",
		Long: "report tells the verdict of a migration with all its sums, at any time, from the ledger alone. With --format html it is one page that needs nothing else, to be " +
			"handed on; with --format json what scripts may rely on. It ends with the verdict's status.\n\n" +
			"With --verify FILE it tells whether a report, JSON or HTML, is as its digest says, which whoever changes both can make anew; where TARGET_DSN is given it proves that this " +
			"ledger made it, and that it still says the same. It ends with 0 where all of that holds, with 3 where something does not, and says what; with 1 where the file cannot be read.",
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed(string(settings.VerifyFile)) {
				return verify(c, s)
			}
			s.Need(settings.TargetDSN)
			return withLedger(c, s, func(l *ledger.Ledger, name string) error {
				result, err := aggregator.Report(c.Context(), l, name, version)
				if err != nil {
					return err
				}
				return show(c, s, result)
			})
		},
	}, s)
}

// show writes the report where it is wanted and ends the command with its exit status.
func show(c *cobra.Command, s *settings.Settings, r *report.Report) (err error) {
	put := func(out io.Writer) error {
		return aggregator.Print(out, r, s.Format, settings.Operator(), c.CommandPath())
	}
	if s.To == "" {
		err = put(c.OutOrStdout())
	} else if err = replace(s.To, put); err == nil {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "aggregator: the report of %s is in %s: %s\n", r.Migration, s.To, r.Verdict) // which the exit status says, too
	}
	if err != nil {
		return err
	}
	return settings.WithExit(r.Exit(), nil)
}

// replace writes the report to a file, of which nobody ever sees a half.
func replace(path string, put func(io.Writer) error) error {
	var b bytes.Buffer
	if err := put(&b); err != nil {
		return err
	}
	next := path + ".part"
	if err := os.WriteFile(next, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(fmt.Errorf("write the report: %w", err), os.Remove(next))
	}
	return nil
}

// verify proves a report by itself, and by the ledger where the target is given.
func verify(c *cobra.Command, s *settings.Settings) error {
	if err := verifiable(c, s); err != nil {
		return err
	}
	file, err := os.ReadFile(s.Verify)
	if err != nil {
		return fmt.Errorf("verify a report: %w", err)
	}
	proof, err := report.Prove(file)
	if err != nil {
		return fmt.Errorf("verify %s: %w", s.Verify, err)
	}
	result, err := proved(c.Context(), s, proof)
	if err != nil {
		return err
	}
	if err := result.Text(c.OutOrStdout()); err != nil {
		return err
	}
	if !result.Holds() {
		return settings.WithExit(settings.ExitTarget, nil)
	}
	return nil
}

// verifiable reads the settings of a verification.
func verifiable(c *cobra.Command, s *settings.Settings) error {
	err := s.Load(nil)
	faults, _ := errors.AsType[settings.Faults](err)
	if err != nil && faults == nil {
		return err
	}
	for _, other := range []settings.Field{settings.ReportFormat, settings.ReportTo} {
		if c.Flags().Changed(string(other)) {
			faults = append(faults, settings.Fault{Name: "--" + string(other), Problem: "goes not with --verify: nothing is written where a report is verified"})
		}
	}
	if len(faults) > 0 {
		return settings.WithExit(settings.ExitSettings, faults)
	}
	return nil
}

func proved(ctx context.Context, s *settings.Settings, proof *report.Proof) (*aggregator.Verification, error) {
	if s.Target == nil {
		return aggregator.Verify(ctx, nil, proof, s.Migration, version)
	}
	pool, err := open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return aggregator.Verify(ctx, ledger.Open(pool), proof, s.Migration, version)
}
