package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/settings"
)

func explainCommand() *cobra.Command {
	s := settings.New(settings.LegacyDSN, settings.MigrationName, settings.OutputForm).Require(settings.TargetDSN)
	c := bind(&cobra.Command{
		Use: "explain USER", Short: "everything known about one user, by their key in the legacy database",
		RunE: func(c *cobra.Command, args []string) error {
			return withLedger(c, s, func(l *ledger.Ledger, name string) (err error) {
				var from *legacy.DB
				if s.Legacy != nil {
					if from, err = legacy.Open(c.Context(), s.Legacy.Config()); err != nil {
						return err
					}
					defer func() { err = errors.Join(err, from.Close()) }()
				}
				e, err := aggregator.Explain(c.Context(), l, from, name, args[0])
				if errors.Is(err, aggregator.ErrKey) {
					return settings.WithExit(settings.ExitSettings, err)
				}
				if err != nil {
					return err
				}
				return e.Write(c.OutOrStdout(), s.Output)
			})
		},
	}, s)
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("explain takes one user's key, and %d were given", len(args))
		}
		return nil
	}
	return c
}
