package main

import (
	"github.com/spf13/cobra"

	"rehome/pkg/mapping"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of migration.yaml, for editors",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(mapping.Schema())
			return err
		},
	}
}
