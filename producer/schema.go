package main

import (
	"github.com/spf13/cobra"

	"rehome/pkg/mapping"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of migration.yaml, for editors",
		Args:  func(c *cobra.Command, args []string) error { return wrong(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(mapping.Schema())
			return err
		},
	}
}
