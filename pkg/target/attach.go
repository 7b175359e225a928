package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// Hold keeps all others from writing to the tables until the caller's transaction ends. It waits for those who do no longer than the
// session's lock_timeout.
func Hold(ctx context.Context, tx pgx.Tx, tables []string) error {
	relations, err := resolve(ctx, tx, tables)
	if err != nil {
		return err
	}
	for _, r := range relations {
		if _, err := tx.Exec(ctx, `LOCK TABLE `+r.quoted()+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return classify(err, "keep others from writing to "+r.full(), r.full())
		}
	}
	return nil
}

// Detach takes the parts off in the caller's transaction, so that the ledger's record of them commits with it: foreign keys first,
// since they lean on indexes. What else leans on a part makes it fail; nothing is ever dropped with it.
func Detach(ctx context.Context, tx pgx.Tx, parts []Part) error {
	for _, foreign := range []bool{true, false} {
		for i := range parts {
			p := &parts[i]
			if (p.Kind == ForeignKey) != foreign {
				continue
			}
			drop := `DROP INDEX ` + p.index()
			if p.Constraint {
				drop = `ALTER TABLE ` + p.table() + ` DROP CONSTRAINT ` + quote(p.Name)
			}
			if _, err := tx.Exec(ctx, drop); err != nil {
				return classify(err, "take "+p.Name+" off "+p.Table, p.Table)
			}
		}
	}
	return nil
}

// Attach puts a part back as it was and proves it over all rows; one that is there already, whole or half, is finished. Data that the
// part refuses is a Data failure, another object of the same name a Schema failure. The connection must not be in a transaction.
// Foreign keys come last: they need the indexes that they refer to.
func Attach(ctx context.Context, conn *pgx.Conn, p Part) error {
	var proved bool
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) { // so that a crash leaves all of it or nothing
		proved, err = p.add(ctx, tx)
		return err
	})
	if err != nil || proved {
		return classify(err, p.what(), p.Table)
	}
	pausepoint.At("validating")
	return p.validate(ctx, conn)
}

// AttachIn is Attach of many parts, in any order, in the caller's transaction: with it all of them come back, or none. Nothing may
// write to their tables before it ends.
func AttachIn(ctx context.Context, tx pgx.Tx, parts []Part) error {
	// A table with deferred work cannot be altered.
	if _, err := tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
		return classify(err, "check the deferred constraints", "")
	}
	parts = slices.Clone(parts)
	Order(parts)
	for i := range parts {
		p := &parts[i]
		proved, err := p.add(ctx, tx)
		if err == nil && !proved {
			err = p.validate(ctx, tx)
		}
		if err != nil {
			return classify(err, p.what(), p.Table)
		}
	}
	return nil
}

// Order sorts parts into the order in which they can be put back: foreign keys last, since they lean on unique indexes.
func Order(parts []Part) {
	order := []PartKind{Unique, Index, ForeignKey}
	slices.SortStableFunc(parts, func(a, b Part) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
}

func (p *Part) what() string { return "put " + p.Name + " back on " + p.Table }

// validate proves a foreign key over all rows, by a statement of its own, which lets others write meanwhile.
func (p *Part) validate(ctx context.Context, db DB) error {
	_, err := db.Exec(ctx, `ALTER TABLE `+p.table()+` VALIDATE CONSTRAINT `+quote(p.Name))
	return classify(err, "validate "+p.Name+" of "+p.Table, p.Table)
}

const notValid = " NOT VALID"

func bare(definition string) string { return strings.TrimSuffix(definition, notValid) }

// present returns the definition of what stands in the part's place, empty for nothing.
func present(ctx context.Context, db DB, p *Part) (definition string, valid bool, err error) {
	const foreign = `
		SELECT pg_get_constraintdef(con.oid), con.convalidated FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname || '.' || c.relname = $1 AND con.conname = $2`
	const index = `
		SELECT coalesce(pg_get_indexdef(i.indexrelid), 'not an index'), coalesce(i.indisvalid, false)
		FROM pg_class AS ic JOIN pg_namespace AS n ON n.oid = ic.relnamespace
		LEFT JOIN pg_index AS i ON i.indexrelid = ic.oid
		WHERE n.nspname = $1 AND ic.relname = $2`
	query, owner := index, p.Schema
	if p.Kind == ForeignKey {
		query, owner = foreign, p.Table
	}
	err = db.QueryRow(ctx, query, owner, p.Name).Scan(&definition, &valid)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return definition, valid, err
}

// add makes the part, unless it is there, and reports whether nothing is left to be proved.
func (p *Part) add(ctx context.Context, tx pgx.Tx) (proved bool, err error) {
	definition, valid, err := present(ctx, tx, p)
	if err != nil {
		return false, err
	}
	proved = p.Kind != ForeignKey || valid || !p.Whole || p.AtOnce
	switch {
	case definition == "":
		return proved, p.create(ctx, tx)
	case bare(definition) != bare(p.Definition):
		return false, shard.Failf(shard.Schema, "%s: it holds another one of that name; rename or drop that, then run finish", p.what())
	}
	return proved, nil
}

func (p *Part) create(ctx context.Context, tx pgx.Tx) error {
	statements := []string{}
	switch p.Kind {
	case ForeignKey:
		definition := p.Definition
		if !p.AtOnce {
			definition = bare(definition) + notValid
		}
		statements = append(statements, fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT %s %s`, p.table(), quote(p.Name), definition))
	default:
		statements = append(statements, p.Definition)
		if p.Constraint {
			// By way of its index: the constraint's own definition leaves out storage parameters.
			statements = append(statements, fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT %s UNIQUE USING INDEX %[2]s %s`,
				p.table(), quote(p.Name), p.Attributes))
		}
	}
	statements = append(statements, p.After...)
	if err := roomy(ctx, tx, p.Tablespace); err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// roomy gives index builds of this transaction memory and processes, at least what the server's settings give.
func roomy(ctx context.Context, tx pgx.Tx, tablespace string) error {
	const query = `
		SELECT set_config('default_tablespace', $1, true),
			set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting('maintenance_work_mem')) / 1024, 262144) || 'kB', true),
			set_config('max_parallel_maintenance_workers', greatest(current_setting('max_parallel_maintenance_workers')::int, 4)::text, true)`
	_, err := tx.Exec(ctx, query, tablespace)
	return err
}
