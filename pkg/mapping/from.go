package mapping

import (
	"errors"
	"slices"
	"strings"
)

// A fromTable is one base table that a FROM clause names.
type fromTable struct {
	schema string // empty where the clause does not say
	table  string
	name   string // the alias, or the table itself
	left   bool   // it stands right of a LEFT JOIN
}

var errNoTable = errors.New("it does not name a table: write what may follow FROM")

// parseFrom returns the tables of what follows FROM in the order of the text; the first is the row source. It understands just
// enough to find them: what a join's condition says is for the server to judge.
func parseFrom(sql string) ([]fromTable, error) {
	tokens, slip := tokenize(sql)
	if slip != nil {
		return nil, errors.New(slip.message)
	}
	p := fromParser{tokens: tokens}
	for p.at < len(tokens) {
		step := p.condition
		if p.after == "" || p.after == "," || p.after == "JOIN" {
			step = p.table
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	if p.after != "TABLE" || p.depth != 0 {
		return nil, errNoTable
	}
	return p.tables, nil
}

type fromParser struct {
	tokens []sqlToken
	at     int
	depth  int
	left   bool
	after  string // what came last: nothing, "," or "JOIN", so that a table follows, or "TABLE"
	tables []fromTable
}

// table reads a table's name with what belongs to it, or a parenthesis before it.
func (p *fromParser) table() error {
	t := p.tokens[p.at]
	name, after := dotted(p.tokens, p.at)
	switch {
	case t.is("("):
		p.depth++
		p.at++
		return nil
	case t.word("SELECT"), t.word("WITH"), t.word("VALUES"), t.word("TABLE"), t.word("LATERAL"):
		return errors.New("a subquery cannot stand in from: write the table, or a join of tables")
	case len(name) == 0, len(name) > 2:
		return errNoTable
	case called(p.tokens, after):
		return errors.New("a table function cannot stand in from: write the table, or a join of tables")
	}
	table := fromTable{table: name[len(name)-1].text, left: p.left}
	if len(name) > 1 {
		table.schema = name[0].text
	}
	table.name, p.at = aliasAt(p.tokens, after, table.table)
	p.tables, p.left, p.after = append(p.tables, table), false, "TABLE"
	return nil
}

// condition reads on to the next table.
func (p *fromParser) condition() error {
	t := p.tokens[p.at]
	name, after := dotted(p.tokens, p.at)
	next := p.at + 1
	switch {
	case t.is("("):
		next = closing(p.tokens, p.at) + 1
	case t.is(")"):
		if p.depth--; p.depth < 0 {
			return errNoTable
		}
	case t.is(","):
		p.after = ","
	case len(name) > 1:
		next = after
	case t.word("JOIN"), t.word("STRAIGHT_JOIN"):
		p.left, p.after = leftJoin(p.tokens[:p.at]), "JOIN"
	case t.word("USE"), t.word("FORCE"), t.word("IGNORE"):
		next = hintEnd(p.tokens, p.at)
	case t.kind == tokenWord && slices.Contains(clauses, strings.ToUpper(t.text)):
		return errors.New(strings.ToUpper(t.text) + " cannot stand in from, which holds tables and joins alone: conditions stand in where")
	}
	p.at = next
	return nil
}

// leftJoin reports whether a JOIN after these tokens keeps the rows of its left side.
func leftJoin(before []sqlToken) bool {
	if n := len(before); n > 0 && before[n-1].word("OUTER") {
		before = before[:n-1]
	}
	return len(before) > 0 && before[len(before)-1].word("LEFT")
}

// hintEnd returns the position after an index hint: USE INDEX FOR JOIN (a, b).
func hintEnd(tokens []sqlToken, i int) int {
	for ; i < len(tokens); i++ {
		if tokens[i].is("(") {
			return closing(tokens, i) + 1
		}
	}
	return i
}

// clauses are the words that end a FROM clause.
var clauses = []string{"WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "WINDOW", "FOR", "LOCK", "INTO", "PROCEDURE"}

// notAliases are further words that may follow a table's name in FROM.
var notAliases = []string{"ON", "USING", "JOIN", "LEFT", "RIGHT", "INNER", "CROSS", "NATURAL", "OUTER", "STRAIGHT_JOIN", "USE", "FORCE", "IGNORE"}

// aliasAt returns the name under which the table before tokens[i] is known, and the position after what belongs to it.
func aliasAt(tokens []sqlToken, i int, table string) (string, int) {
	if i+1 < len(tokens) && tokens[i].word("PARTITION") && tokens[i+1].is("(") {
		i = closing(tokens, i+1) + 1
	}
	if i+1 < len(tokens) && tokens[i].word("AS") && tokens[i+1].kind <= tokenName {
		return tokens[i+1].text, i + 2
	}
	if i >= len(tokens) || tokens[i].kind > tokenName {
		return table, i
	}
	word := strings.ToUpper(tokens[i].text)
	if tokens[i].kind == tokenWord && (slices.Contains(notAliases, word) || slices.Contains(clauses, word)) {
		return table, i
	}
	return tokens[i].text, i + 1
}

// closing returns the position of the parenthesis that closes the one at i, or that of the last token.
func closing(tokens []sqlToken, i int) int {
	for depth := 0; i < len(tokens); i++ {
		if tokens[i].is("(") {
			depth++
		} else if tokens[i].is(")") {
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(tokens) - 1
}

func (t sqlToken) word(keyword string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, keyword)
}

// Tables returns the base tables that a compiled FROM names, in the order of the text; one that is joined to itself comes twice.
func Tables(from string) ([]string, error) {
	parsed, err := parseFrom(from)
	names := make([]string, len(parsed))
	for i, t := range parsed {
		names[i] = t.table
	}
	return names, err
}

// Quote returns the name as MySQL's quoted identifier.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// JoinedKey returns the primary key of a table that from joins, as quoted expressions in from.
func JoinedKey(from string, table *LegacyTable) ([]string, error) {
	tables, err := parseFrom(from)
	if err != nil {
		return nil, err
	}
	for _, t := range tables[1:] {
		if !strings.EqualFold(t.table, table.Name) {
			continue
		}
		var key []string
		for _, column := range table.PrimaryKey {
			key = append(key, Quote(t.name)+"."+Quote(column))
		}
		if len(key) == 0 {
			return nil, errors.New("table " + table.Name + " has no primary key, so that it cannot be told whether each of its rows is used")
		}
		return key, nil
	}
	return nil, errors.New("from does not join a table " + table.Name)
}
