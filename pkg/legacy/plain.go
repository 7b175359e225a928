package legacy

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// So many users one statement of Plain asks for, and so many where all of their attributes are in memory at once.
const plainList, plainGather = 2_000, 64

func (q plainQuestion) atOnce() int {
	if q.plan.Gather != nil {
		return plainGather
	}
	return plainList
}

// Plain streams the plan's rows of the slice like Rows, with the same cells, by another way: statements of its own without
// parameters, over the text protocol, in which the server itself spells each value. Rows that a join drops do not come, and no warning
// is asked for: what a value is worth, whoever compares it finds out. The row is valid until yield returns; an error of yield comes
// back as it is.
func (s *Snapshot) Plain(ctx context.Context, p *mapping.RowPlan, slice shard.Slice, yield func(shard.Row) error) error {
	q := plainQuestion{users: s.users, plan: p, kind: slice.Kind}
	forms, err := s.forms(ctx, q)
	if err != nil {
		return failed(err, "ask for the types of %s", p.Into)
	}
	read := func(condition string) error {
		return s.plain(ctx, q, forms, q.rows(forms, condition), yield)
	}
	if p.Gather != nil {
		read = func(condition string) error { return s.plainGathered(ctx, q, forms, condition, yield) }
	}
	exprs, kinds := q.unit()
	if slice.Only != nil {
		for some := range slices.Chunk(slice.Only, q.atOnce()) {
			condition, err := plainAmong(exprs, kinds, some)
			if err != nil {
				return shard.Fail(shard.Defect, "", err)
			}
			if err := read(condition); err != nil {
				return err
			}
		}
		return nil
	}
	condition, err := plainWithin(exprs, kinds, slice.Range)
	if err != nil {
		return shard.Fail(shard.Defect, "", err)
	}
	return read(condition)
}

// forms asks the server for the types of the plan's expressions, and returns how each is to be spelled.
func (s *Snapshot) forms(ctx context.Context, q plainQuestion) ([]form, error) {
	if len(q.plan.Select) == 0 {
		return nil, nil
	}
	rows, err := s.conn.QueryContext(ctx, "SELECT "+bare(q.plan.Select)+" FROM "+q.plan.From+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	forms := make([]form, len(types))
	for i, t := range types {
		forms[i] = formOf(t.DatabaseTypeName())
	}
	return forms, rows.Err()
}

// A form is how the server is asked to spell the values of a type.
type form int

const (
	raw    form = iota // bytes and text, as they are
	whole              // integers, without the zeros of ZEROFILL
	shown              // as the server shows it
	float              // DOUBLE: as many digits as it takes
	narrow             // FLOAT, which the server would round when it shows it
)

func formOf(name string) form {
	switch name {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT",
		"UNSIGNED TINYINT", "UNSIGNED SMALLINT", "UNSIGNED MEDIUMINT", "UNSIGNED INT", "UNSIGNED BIGINT":
		return whole
	case "DECIMAL", "YEAR", "DATE", "DATETIME", "TIMESTAMP", "TIME":
		return shown
	case "DOUBLE":
		return float
	case "FLOAT":
		return narrow
	}
	return raw
}

// of returns the expression in the form.
func (f form) of(expr string) string {
	switch f {
	case whole:
		return "CAST((" + expr + ") + 0 AS CHAR)"
	case shown:
		return "CAST((" + expr + ") AS CHAR)"
	case float, narrow:
		return "(" + expr + ") * 1e0"
	}
	return "(" + expr + ")"
}

// cell makes a cell of what has come.
func (f form) cell(text sql.RawBytes) (value.Cell, error) {
	if text == nil || f != narrow {
		return value.Cell(text), nil
	}
	wide, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, fmt.Errorf("a FLOAT is spelled as no number")
	}
	return strconv.AppendFloat(nil, float64(float32(wide)), 'g', -1, 32), nil
}

// plain runs one statement of q.rows.
func (s *Snapshot) plain(ctx context.Context, q plainQuestion, forms []form, statement string, yield func(shard.Row) error) error {
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return failed(err, "read %s once more", q.plan.Into)
	}
	defer rows.Close()
	_, kinds := q.unit()
	if q.kind == shard.Unowned {
		kinds = nil
	}
	texts := make([]sql.RawBytes, len(kinds)+len(q.plan.SourceKey)+len(forms))
	into := make([]any, len(texts))
	for i := range texts {
		into[i] = &texts[i]
	}
	cells := make([]value.Cell, len(forms))
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return failed(err, "read %s once more", q.plan.Into)
		}
		row := shard.Row{Cells: cells}
		if row.Key, err = plainKey(texts[len(kinds):len(kinds)+len(q.plan.SourceKey)], q.plan.SourceKinds); err != nil {
			return shard.Fail(shard.Data, "", fmt.Errorf("read %s once more: %w", q.plan.Into, err))
		}
		unit := row.Key
		if kinds != nil {
			if unit, err = plainKey(texts[:len(kinds)], kinds); err != nil {
				return shard.Fail(shard.Data, "", fmt.Errorf("read %s once more: %w", q.plan.Into, err))
			}
		}
		row.Unit = unit.Canonical()
		for i, text := range texts[len(texts)-len(forms):] {
			if cells[i], err = forms[i].cell(text); err != nil {
				return shard.Fail(shard.Defect, "", fmt.Errorf("read %s once more: %w", q.plan.Into, err))
			}
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return failed(err, "read %s once more", q.plan.Into)
	}
	return nil
}

// plainKey makes a key of texts, of which binary ones are spelled in hexadecimal digits already.
func plainKey(texts []sql.RawBytes, kinds []keyspace.Kind) (keyspace.Key, error) {
	out := make(keyspace.Key, len(texts))
	for i, text := range texts {
		if text == nil {
			return nil, errNullKey
		}
		out[i] = string(text)
		if kinds[i] == keyspace.Binary {
			if _, err := hex.DecodeString(out[i]); err != nil {
				return nil, fmt.Errorf("a binary key is not spelled in hexadecimal digits")
			}
		}
	}
	return out, nil
}

// plainGathered reads the attributes of the users whom the condition takes, and then the rows that they go into.
func (s *Snapshot) plainGathered(ctx context.Context, q plainQuestion, forms []form, condition string, yield func(shard.Row) error) error {
	g := q.plan.Gather
	users := map[string]*mapping.Attributes{}
	rows, err := s.conn.QueryContext(ctx, q.attributes(condition))
	if err != nil {
		return failed(err, "read the attributes in %s once more", g.Plan.Source)
	}
	defer rows.Close()
	unit := make([]sql.RawBytes, 1)
	var name, text sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&unit[0], &name, &text); err != nil {
			return failed(err, "read the attributes in %s once more", g.Plan.Source)
		}
		key, err := plainKey(unit, q.users.Kinds)
		if err != nil {
			return shard.Fail(shard.Data, "", fmt.Errorf("read the attributes in %s once more: %w", g.Plan.Source, err))
		}
		a := users[string(key.Canonical())]
		if a == nil {
			a = g.Collect()
			users[string(key.Canonical())] = a
		}
		a.Add(value.Cell(name), value.Cell(text)) // what cannot be gathered is not there, and is found to differ
	}
	if err := rows.Err(); err != nil {
		return failed(err, "read the attributes in %s once more", g.Plan.Source)
	}
	var all []value.Cell
	return s.plain(ctx, q, forms, q.rows(forms, condition), func(row shard.Row) error {
		a := users[string(row.Unit)]
		if a == nil {
			a = g.Collect()
		}
		all = a.AppendCells(append(all[:0], row.Cells...))
		row.Cells = all
		return yield(row)
	})
}
