package legacy

import (
	"regexp"
	"slices"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// A reading is what a query that the server has rewritten says about base tables.
type reading struct {
	tables    map[string]*mapping.LegacyTable // by the name under which the query knows them, in lower case
	fields    []*column                       // of the select list, nil for what is no plain column
	mentioned []mapping.LegacyColumnRef
}

// A column is a column of a base table.
type column struct {
	table *mapping.LegacyTable
	*mapping.LegacyColumn
}

// declared is the column's declared type, as far as the result's type is the same: an outer join makes NULLs of its own.
func (c *column) declared(result value.LegacyType) value.LegacyType {
	t := c.Type
	t.Nullable = t.Nullable || result.Nullable
	return t
}

// A word is a piece of rewritten SQL: a name in backticks with what qualifies it, or any other piece as it stands.
type word struct {
	name []string
	text string
}

var (
	// words of the servers' rewritten SQL: texts, names, comments, keywords and the rest byte by byte.
	words = regexp.MustCompile("(?s)'(?:[^'\\\\]|\\\\.|'')*'|\"(?:[^\"\\\\]|\\\\.|\"\")*\"|" +
		"`(?:[^`]|``)*`(?:\\.`(?:[^`]|``)*`)*|/\\*.*?\\*/|[A-Za-z_]+|.")
	quotedName = regexp.MustCompile("`((?:[^`]|``)*)`")
)

func split(sql string) []word {
	var out []word
	for _, text := range words.FindAllString(sql, -1) {
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "/*") {
			continue
		}
		w := word{text: text}
		if text[0] == '`' {
			for _, part := range quotedName.FindAllStringSubmatch(text, -1) {
				w.name = append(w.name, strings.ReplaceAll(part[1], "``", "`"))
			}
		}
		out = append(out, w)
	}
	return out
}

// read reads SQL in which the server has written each name in full: `db`.`alias`.`column`, and `db`.`table` `alias` behind FROM.
func read(sql, database string, catalog *mapping.LegacyCatalog) *reading {
	all := split(sql)
	r := &reading{tables: map[string]*mapping.LegacyTable{}}
	for i, w := range all {
		if len(w.name) != 2 || !strings.EqualFold(w.name[0], database) {
			continue
		}
		if table := catalog.Table(w.name[1]); table != nil {
			known := w.name[1]
			if i+1 < len(all) && len(all[i+1].name) == 1 {
				known = all[i+1].name[0]
			}
			r.tables[strings.ToLower(known)] = table
		}
	}
	for _, w := range all {
		if c := r.column(w); c != nil {
			r.mention(c)
		}
	}
	for _, field := range selectList(all) {
		var c *column
		if len(field) == 3 && strings.EqualFold(field[1].text, "AS") {
			c = r.column(field[0])
		}
		r.fields = append(r.fields, c)
	}
	return r
}

// column returns the base table's column that the word names, or nil.
func (r *reading) column(w word) *column {
	if len(w.name) < 2 {
		return nil
	}
	return r.find(w.name[len(w.name)-2], w.name[len(w.name)-1])
}

func (r *reading) find(table, name string) *column {
	t := r.tables[strings.ToLower(table)]
	if t == nil {
		return nil
	}
	if c := t.Column(name); c != nil {
		return &column{t, c}
	}
	return nil
}

func (r *reading) mention(c *column) {
	if ref := (mapping.LegacyColumnRef{Table: c.table.Name, Column: c.Name}); !slices.Contains(r.mentioned, ref) {
		r.mentioned = append(r.mentioned, ref)
	}
}

// selectList returns the words of each field of the outermost SELECT.
func selectList(all []word) [][]word {
	var fields [][]word
	depth, from := 0, 1
	for i := 1; i < len(all); i++ {
		text := strings.ToLower(all[i].text)
		switch {
		case text == "(":
			depth++
		case text == ")":
			depth--
		case depth == 0 && text == ",":
			fields = append(fields, all[from:i])
			from = i + 1
		case depth == 0 && text == "from":
			return append(fields, all[from:i])
		}
	}
	return fields
}

// syntax are the words that stand in expressions without being columns, though columns may have these names.
var syntax = regexp.MustCompile(`(?i)^(date|time|timestamp|datetime|year|quarter|month|week|day|hour|minute|second|microsecond|signed|` +
	`unsigned|char|nchar|binary|decimal|integer|json|double|float|real|offset|end|any|some|all|escape|language|mode|query|expansion|` +
	`boolean|unknown|at|of|path|columns|row|rows|first|last|next|value|ascii|unicode)$`)

// add mentions the names of the query's text that the server has optimized away, as in WHERE 1 = 0 AND name = 'x'. A word that may be
// syntax must be qualified or quoted; a name that several of the query's tables have is left to the server.
func (r *reading) add(names []mapping.Ident) {
	for _, name := range names {
		if name.Table != "" {
			if c := r.find(name.Table, name.Name); c != nil {
				r.mention(c)
			}
			continue
		}
		if name.Quoted || !syntax.MatchString(name.Name) {
			r.addUnqualified(name.Name)
		}
	}
}

func (r *reading) addUnqualified(name string) {
	var found *column
	for _, table := range r.tables {
		c := table.Column(name)
		if c == nil || found != nil && found.table == table {
			continue
		}
		if found != nil {
			return
		}
		found = &column{table, c}
	}
	if found != nil {
		r.mention(found)
	}
}
