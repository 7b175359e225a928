package mapping

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rehome/pkg/value"
)

// A scope is one FROM of the mapping: what its expressions see, and what they mention.
type scope struct {
	from      Expr
	tables    []source // empty where from cannot be read
	mentioned map[*LegacyColumn]bool
	unread    bool // something was refused, so that mentioned is not whole
}

// A source is a table of a FROM and the name by which the FROM knows it.
type source struct {
	*LegacyTable
	name string
	left bool // what stands before it in FROM stays, whether it has a row or not
}

// scope finds the tables of a FROM.
func (k *compiler) scope(from Expr, path string) *scope {
	s := &scope{from: from, mentioned: map[*LegacyColumn]bool{}, unread: true}
	named, err := parseFrom(from.SQL)
	if err != nil {
		k.fault(from.Pos, path, "", "%s", err)
		return s
	}
	var tables []source
	for _, t := range named {
		table := k.legacy.Table(t.table)
		switch {
		case t.schema != "":
			k.fault(from.Pos, path, "write the table alone", "%s.%s names a database, and rehome reads the one that legacy.dsn names", t.schema, t.table)
		case table == nil:
			k.unknownTable(from.Pos, path, t.table)
		default:
			tables = append(tables, source{table, t.name, t.left})
		}
	}
	if len(tables) == len(named) {
		s.tables, s.unread = tables, false
	}
	return s
}

func (k *compiler) unknownTable(pos Pos, path, name string) {
	names := make([]string, len(k.legacy.Tables))
	for i, t := range k.legacy.Tables {
		names[i] = t.Name
	}
	k.fault(pos, path, didYouMean(name, names), "the legacy database has no table %s", name)
}

// probe asks whether the server takes a FROM in which these expressions can stand.
func (k *compiler) probe(ctx context.Context, s *scope, path string, exprs ...string) error {
	_, err := k.legacy.Resolve.Resolve(ctx, "SELECT "+strings.Join(exprs, ", ")+" FROM "+s.from.SQL)
	if refusal, ok := errors.AsType[*QueryFault](err); ok {
		k.fault(s.from.Pos, path, "", "the legacy server refuses %q: %s", s.from.SQL, refusal.Reason)
		s.tables, s.unread = nil, true
		return nil
	}
	return err
}

// A question is an expression whose type the legacy server is asked for.
type question struct {
	Expr
	path string
	typ  *value.LegacyType // the answer; its Name stays empty where the server refuses the expression
}

// resolve asks the legacy server about expressions. Where it refuses the list, each is asked about alone, so that each fault has its
// place.
func (k *compiler) resolve(ctx context.Context, s *scope, questions []question) error {
	if len(questions) == 0 {
		return nil
	}
	resolved, err := k.legacy.Resolve.Resolve(ctx, selectQuery(s.from.SQL, questions))
	if refusal, ok := errors.AsType[*QueryFault](err); ok {
		s.unread = true
		return k.refused(ctx, s, questions, refusal.Reason)
	}
	if err != nil {
		return err
	}
	if len(resolved.Types) != len(questions) {
		return fmt.Errorf("the server makes %d columns of %d expressions", len(resolved.Types), len(questions))
	}
	for i, q := range questions {
		*q.typ = resolved.Types[i]
	}
	for _, ref := range resolved.Mentioned {
		if table := k.legacy.Table(ref.Table); table != nil {
			s.mentioned[table.Column(ref.Column)] = true
		}
	}
	return nil
}

// refused finds out which of the expressions the server does not take.
func (k *compiler) refused(ctx context.Context, s *scope, questions []question, reason string) error {
	q := questions[0]
	if len(questions) == 1 {
		k.fault(q.Pos, q.path, "", "the legacy server refuses %q: %s", q.SQL, reason)
		return nil
	}
	before := len(k.faults)
	for i := range questions {
		if err := k.resolve(ctx, s, questions[i:i+1]); err != nil {
			return err
		}
	}
	if len(k.faults) == before {
		k.fault(q.Pos, q.path, "", "the legacy server refuses these expressions together: %s", reason)
	}
	return nil
}

func selectQuery(from string, questions []question) string {
	list := make([]string, len(questions))
	for i, q := range questions {
		list[i] = "(" + q.SQL + ")"
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + from
}

// column returns the column that an expression just names, and its table; nil for any other expression.
func (s *scope) column(expr Expr) (*source, *LegacyColumn) {
	tokens, slip := tokenize(expr.SQL)
	if slip != nil {
		return nil, nil
	}
	for len(tokens) > 2 && tokens[0].is("(") && closing(tokens, 0) == len(tokens)-1 {
		tokens = tokens[1 : len(tokens)-1]
	}
	name, after := dotted(tokens, 0)
	if len(name) == 0 || after != len(tokens) {
		return nil, nil
	}
	id := ident(name)
	for i := range s.tables {
		t := &s.tables[i]
		if id.Table != "" && !strings.EqualFold(id.Table, t.name) {
			continue
		}
		if c := t.Column(id.Name); c != nil {
			return t, c
		}
	}
	return nil, nil
}
