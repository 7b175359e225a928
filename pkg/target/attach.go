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

// A part comes back in three steps, each of which finds out by itself whether it was done before a crash: Build, Complete, Prove. Foreign keys
// come last: they need the indexes that they refer to. Data that the part refuses is a Data failure, another object of the same name a
// Schema failure. The connection must not be in a transaction.

// Build makes the index of a part that is one, or stands on one. Several sessions may build at the same time, also on one table.
func Build(ctx context.Context, conn *pgx.Conn, p Part, room Room) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := room.take(ctx, tx, p.Tablespace); err != nil {
			return err
		}
		return p.build(ctx, tx)
	})
	return classify(err, p.what(), p.Table)
}

// Complete puts back what is more than an index: the constraint over a built one, what hangs on it, and a foreign key, and reports whether nothing is
// left to be proved. While it runs nobody may build on the part's tables, or prove anything of them.
func Complete(ctx context.Context, conn *pgx.Conn, p Part) (proved bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		if err := watched(ctx, tx); err != nil { // a foreign key of a partitioned table is proved here
			return err
		}
		proved, err = p.complete(ctx, tx)
		return err
	})
	return proved, classify(err, p.what(), p.Table)
}

// Bare reports whether a built part is back as it was, so that there is nothing to complete.
func (p *Part) Bare() bool { return p.Kind != ForeignKey && !p.Constraint && len(p.After) == 0 }

// Prove proves a foreign key over all rows, and lets others write meanwhile. Several sessions may prove at the same time, but not on one table.
func Prove(ctx context.Context, conn *pgx.Conn, p Part, room Room) error {
	pausepoint.At("validating")
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := room.take(ctx, tx, ""); err != nil {
			return classify(err, p.what(), p.Table)
		}
		return p.validate(ctx, tx)
	})
}

// AttachIn puts many parts back, in any order, in the caller's transaction: with it all of them come back, or none. Nothing may
// write to their tables before it ends.
func AttachIn(ctx context.Context, tx pgx.Tx, parts []Part) error {
	// A table with deferred work cannot be altered.
	if _, err := tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
		return classify(err, "check the deferred constraints", "")
	}
	_, room, err := Rooms(ctx, tx.Conn(), 1)
	if err != nil {
		return err
	}
	parts = slices.Clone(parts)
	Order(parts)
	for i := range parts {
		if err := parts[i].attachIn(ctx, tx, room); err != nil {
			return classify(err, parts[i].what(), parts[i].Table)
		}
	}
	return nil
}

func (p *Part) attachIn(ctx context.Context, tx pgx.Tx, room Room) error {
	if err := room.take(ctx, tx, p.Tablespace); err != nil {
		return err
	}
	if p.Kind != ForeignKey {
		if err := p.build(ctx, tx); err != nil {
			return err
		}
	}
	proved, err := p.complete(ctx, tx)
	if err != nil || proved {
		return err
	}
	return p.validate(ctx, tx)
}

// Order sorts parts into the order in which they can be put back: foreign keys last, since they lean on unique indexes.
func Order(parts []Part) {
	order := []PartKind{Unique, Index, ForeignKey}
	slices.SortStableFunc(parts, func(a, b Part) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
}

func (p *Part) what() string { return "put " + p.Name + " back on " + p.Table }

func (p *Part) validate(ctx context.Context, db DB) error {
	_, err := db.Exec(ctx, `ALTER TABLE `+p.table()+` VALIDATE CONSTRAINT `+quote(p.Name))
	return classify(err, "validate "+p.Name+" of "+p.Table, p.Table)
}

const notValid = " NOT VALID"

func bare(definition string) string { return strings.TrimSuffix(definition, notValid) }

// build makes the part's index, unless it is there.
func (p *Part) build(ctx context.Context, tx pgx.Tx) error {
	const query = `
		SELECT coalesce(pg_get_indexdef(i.indexrelid), 'not an index')
		FROM pg_class AS ic JOIN pg_namespace AS n ON n.oid = ic.relnamespace
		LEFT JOIN pg_index AS i ON i.indexrelid = ic.oid
		WHERE n.nspname = $1 AND ic.relname = $2`
	var definition string
	switch err := tx.QueryRow(ctx, query, p.Schema, p.Name).Scan(&definition); {
	case errors.Is(err, pgx.ErrNoRows):
		_, err := tx.Exec(ctx, p.Definition)
		return err
	case err != nil:
		return err
	case definition != p.Definition:
		return p.taken()
	}
	return nil
}

// complete makes what is more than an index, unless it is there.
func (p *Part) complete(ctx context.Context, tx pgx.Tx) (proved bool, err error) {
	var add []string
	if p.Kind == ForeignKey {
		add, proved, err = p.foreign(ctx, tx)
	} else {
		add, err = p.constraint(ctx, tx)
		proved = true
	}
	if err != nil {
		return false, err
	}
	for _, statement := range append(add, p.After...) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return false, err
		}
	}
	return proved, nil
}

// foreign returns what makes the foreign key, which is nothing where it is there, and whether it is proved then.
func (p *Part) foreign(ctx context.Context, tx pgx.Tx) (add []string, proved bool, err error) {
	const query = `
		SELECT pg_get_constraintdef(con.oid), con.convalidated FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname || '.' || c.relname = $1 AND con.conname = $2`
	var definition string
	var valid bool
	switch err := tx.QueryRow(ctx, query, p.Table, p.Name).Scan(&definition, &valid); {
	case errors.Is(err, pgx.ErrNoRows):
		definition = p.Definition
		if !p.AtOnce {
			definition = bare(definition) + notValid
		}
		add = []string{fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT %s %s`, p.table(), quote(p.Name), definition)}
	case err != nil:
		return nil, false, err
	case bare(definition) != bare(p.Definition):
		return nil, false, p.taken()
	}
	return add, valid || !p.Whole || p.AtOnce, nil
}

// constraint returns what makes the part's constraint by way of its index: the constraint's own definition leaves out storage parameters.
func (p *Part) constraint(ctx context.Context, tx pgx.Tx) (add []string, err error) {
	const query = `
		SELECT EXISTS (SELECT FROM pg_constraint AS con JOIN pg_class AS ic ON ic.oid = con.conindid JOIN pg_namespace AS n ON n.oid = ic.relnamespace
			WHERE n.nspname = $1 AND ic.relname = $2 AND con.conrelid = (SELECT i.indrelid FROM pg_index AS i WHERE i.indexrelid = ic.oid))`
	if !p.Constraint {
		return nil, nil
	}
	var there bool
	if err := tx.QueryRow(ctx, query, p.Schema, p.Name).Scan(&there); err != nil || there {
		return nil, err
	}
	return []string{fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT %s UNIQUE USING INDEX %[2]s %s`, p.table(), quote(p.Name), p.Attributes)}, nil
}

func (p *Part) taken() error {
	return shard.Failf(shard.Schema, "%s: it holds another one of that name; rename or drop that, then run finish", p.what())
}
