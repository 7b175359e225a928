package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Lost counts the originals of one rule.
type Lost struct {
	Entry  int
	Column string // empty for whole rows, which gave way in a conflict
	Rule   string
	Rows   int64
}

// Originals counts the originals that are kept, by entry, column and rule.
func (l *Ledger) Originals(ctx context.Context, name string) ([]Lost, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT entry, column_name, rule, count(*) FROM rehome.original WHERE migration = $1 GROUP BY entry, column_name, rule ORDER BY entry, column_name, rule`, name)
	what := "count the originals that migration " + name + " keeps"
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(o *Lost) []any { return []any{&o.Entry, &o.Column, &o.Rule, &o.Rows} })
}

// A Disputed counts the conflicts of one kind in the rows of one entry, with up to five keys that may leave the ledger: of their users, else of the rows.
type Disputed struct {
	Entry   int
	Kind    shard.ConflictKind
	Settled bool
	Rows    int64
	Samples []string
}

// Conflicts counts the rows that the target itself has changed, deleted or added, as the newest redos have met them, by entry and kind.
func (l *Ledger) Conflicts(ctx context.Context, m *Migration) ([]Disputed, error) {
	what := "count the conflicts of migration " + m.Name
	rows, err := l.pool.Query(ctx, `
		SELECT entry, kind, settled, user_key, legacy_key, target_key, n
		  FROM (SELECT *, row_number() OVER (PARTITION BY entry, kind, settled ORDER BY user_key, legacy_key, target_key) AS place,
		               count(*) OVER (PARTITION BY entry, kind, settled) AS n
		          FROM rehome.conflict WHERE migration = $1) AS c
		 WHERE place <= 5
		 ORDER BY entry, kind, settled, place`, m.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var out []Disputed
	var next Disputed
	var user, legacy, target []byte
	_, err = pgx.ForEachRow(rows, []any{&next.Entry, &next.Kind, &next.Settled, &user, &legacy, &target, &next.Rows}, func() error {
		last := len(out) - 1
		if last < 0 || out[last].Entry != next.Entry || out[last].Kind != next.Kind || out[last].Settled != next.Settled {
			out, last = append(out, next), last+1
		}
		shown, err := m.showRow(user, legacy, target)
		out[last].Samples = append(out[last].Samples, shown)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

// showRow returns the key by which a row may be named outside of the ledger: its user's, else its own in the legacy database, else a hash of that in the target.
func (m *Migration) showRow(user, legacy, target []byte) (string, error) {
	switch {
	case user != nil:
		return m.Show(user), nil
	case legacy != nil:
		key, err := keyspace.Unmarshal(legacy)
		return m.Show(key.Canonical()), err
	}
	return m.Show(target), nil
}
