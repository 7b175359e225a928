package mapping

import (
	"errors"
	"strings"
)

// A fromTable is one base table that a FROM clause names.
type fromTable struct {
	table string
	name  string // the alias, or the table itself
}

var errFromSubquery = errors.New("a subquery cannot stand in from: write the table, or a join of tables")

// parseFrom returns the tables of what follows FROM in the order of the text; the first is the row source.
func parseFrom(sql string) ([]fromTable, error) {
	tokens, slip := tokenize(sql)
	if slip != nil {
		return nil, errors.New(slip.message)
	}
	var tables []fromTable
	expect, depth := true, 0 // a table is expected here
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		case expect && t.is("("):
			depth++
		case expect && (t.word("SELECT") || t.word("WITH") || t.word("VALUES")):
			return nil, errFromSubquery
		case expect && (t.kind == tokenWord || t.kind == tokenName):
			name, after := dotted(tokens, i)
			table := fromTable{table: name[len(name)-1].text}
			table.name, i = aliasAt(tokens, after, table.table)
			tables = append(tables, table)
			expect = false
		case t.is("("):
			i = closing(tokens, i)
		case t.is(","), t.word("JOIN"), t.word("STRAIGHT_JOIN"):
			expect = true
		case t.is(")"):
			depth--
		}
	}
	if len(tables) == 0 || expect || depth != 0 {
		return nil, errors.New("it does not name a table: write what may follow FROM")
	}
	return tables, nil
}

// notAliases are the words that may follow a table's name in FROM.
var notAliases = map[string]bool{
	"ON": true, "USING": true, "JOIN": true, "LEFT": true, "RIGHT": true, "INNER": true, "CROSS": true, "NATURAL": true, "OUTER": true,
	"STRAIGHT_JOIN": true, "USE": true, "FORCE": true, "IGNORE": true, "PARTITION": true, "AS": true,
}

// aliasAt returns the name under which the table before tokens[i] is known, and the position of the last token that belongs to it.
func aliasAt(tokens []sqlToken, i int, table string) (string, int) {
	if i < len(tokens) && tokens[i].word("AS") {
		i++
	}
	if i < len(tokens) && (tokens[i].kind == tokenName || tokens[i].kind == tokenWord && !notAliases[strings.ToUpper(tokens[i].text)]) {
		return tokens[i].text, i
	}
	return table, i - 1
}

// closing returns the position of the parenthesis that closes the one at i.
func closing(tokens []sqlToken, i int) int {
	for depth := 0; i < len(tokens); i++ {
		if tokens[i].is("(") {
			depth++
		} else if tokens[i].is(")") {
			if depth--; depth == 0 {
				break
			}
		}
	}
	return i
}

func (t sqlToken) word(keyword string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, keyword)
}

// Quote returns the name as MySQL's quoted identifier.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// JoinedKey returns the primary key of a table that from joins, as quoted expressions in from.
func JoinedKey(from string, table *LegacyTable) ([]string, error) {
	tables, err := parseFrom(from)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
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
