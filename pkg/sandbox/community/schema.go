package community

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// CreateSchema makes Schema's tables in the target database of a postgres:// DSN: all of them, or with an error none.
func CreateSchema(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to the target database: %w", err)
	}
	_, err = conn.Exec(ctx, Schema()) // a script without arguments is one transaction
	if err != nil {
		err = fmt.Errorf("create the community's target schema: %w", err)
	}
	return errors.Join(err, conn.Close(ctx))
}
