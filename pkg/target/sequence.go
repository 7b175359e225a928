package target

import (
	"context"
	"math/big"

	"github.com/jackc/pgx/v5"
)

// A SequenceState tells whether a sequence's next value is free: "ok", or "behind" where its bounds leave none.
type SequenceState struct {
	Name  string // schema.sequence
	State string
}

// The states of a sequence.
const (
	SequenceOK     = "ok"
	SequenceBehind = "behind"
)

// A sequence feeds a column of a fed table.
type sequence struct {
	Schema, Name        string
	Table               uint32
	Column              string
	Increment, Min, Max int64
}

func (s *sequence) quoted() string { return pgx.Identifier{s.Schema, s.Name}.Sanitize() }

// Sequences moves every sequence that an identity or a default of the tables draws from beyond the values that are there: above the
// maximum, or below the minimum where it counts down, on its own steps. None is moved back. It looks again afterwards.
func Sequences(ctx context.Context, db DB, tables []string) ([]SequenceState, error) {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	const query = `
		SELECT DISTINCT n.nspname::text, c.relname::text, a.attrelid, a.attname::text, s.seqincrement, s.seqmin, s.seqmax
		FROM (
			SELECT d.objid AS seq, d.refobjid AS tab, d.refobjsubid AS col FROM pg_depend AS d
			WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
			UNION ALL
			SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend AS d JOIN pg_attrdef AS f ON f.oid = d.objid
			WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
		) AS u
		JOIN pg_sequence AS s ON s.seqrelid = u.seq
		JOIN pg_class AS c ON c.oid = u.seq JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_attribute AS a ON a.attrelid = u.tab AND a.attnum = u.col
		WHERE a.attrelid = ANY ($1) AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
		ORDER BY 1, 2, 4`
	found, err := collect[sequence](ctx, db, query, oids(relations))
	if err != nil {
		return nil, classify(err, "look up the sequences of the fed tables", "")
	}
	named := map[uint32]relation{}
	for _, r := range relations {
		named[r.OID] = r
	}
	var states []SequenceState
	for _, s := range found {
		state, err := settleSequence(ctx, db, s, named[s.Table])
		if err != nil {
			return nil, classify(err, "move sequence "+s.Schema+"."+s.Name, "")
		}
		if last := len(states) - 1; last >= 0 && states[last].Name == state.Name {
			if state.State == SequenceBehind {
				states[last] = state
			}
			continue
		}
		states = append(states, state)
	}
	return states, nil
}

// settleSequence moves one sequence beyond one column.
func settleSequence(ctx context.Context, db DB, s sequence, table relation) (SequenceState, error) {
	state := SequenceState{Name: s.Schema + "." + s.Name, State: SequenceOK}
	next, top, err := s.compare(ctx, db, table)
	if err != nil || top == nil {
		return state, err
	}
	free := beyond(next, top, s.Increment)
	if !free.IsInt64() || free.Int64() > s.Max || free.Int64() < s.Min {
		state.State = SequenceBehind
		return state, nil
	}
	if free.Cmp(next) != 0 {
		if _, err := db.Exec(ctx, `SELECT setval($1::text::regclass, $2, false)`, s.quoted(), free.Int64()); err != nil {
			return state, err
		}
	}
	next, top, err = s.compare(ctx, db, table)
	if err != nil {
		return state, err
	}
	if top != nil && beyond(next, top, s.Increment).Cmp(next) != 0 {
		state.State = SequenceBehind
	}
	return state, nil
}

// compare returns the value that the sequence would draw next, without drawing it, and the column's outermost one, nil for none.
func (s *sequence) compare(ctx context.Context, db DB, table relation) (next, top *big.Int, err error) {
	outermost := "ceil(max(" + quote(s.Column) + "))"
	if s.Increment < 0 {
		outermost = "floor(min(" + quote(s.Column) + "))"
	}
	query := `SELECT (CASE WHEN q.is_called THEN q.last_value::numeric + $1 ELSE q.last_value::numeric END)::text,
		(SELECT ` + outermost + `::numeric::text FROM ` + table.quoted() + `) FROM ` + s.quoted() + ` AS q`
	var nextText string
	var topText *string
	if err := db.QueryRow(ctx, query, s.Increment).Scan(&nextText, &topText); err != nil {
		return nil, nil, err
	}
	next, _ = new(big.Int).SetString(nextText, 10)
	if topText != nil {
		top, _ = new(big.Int).SetString(*topText, 10)
	}
	return next, top, nil
}

// beyond returns next, or the first value on its steps that lies beyond top.
func beyond(next, top *big.Int, increment int64) *big.Int {
	step := big.NewInt(increment)
	distance := new(big.Int).Sub(top, next) // in the direction of step, or it is none
	if distance.Sign() != 0 && distance.Sign() != step.Sign() {
		return next
	}
	steps := distance.Quo(distance, step)
	steps.Add(steps, big.NewInt(1))
	return steps.Mul(steps, step).Add(steps, next)
}
