package mapping

import (
	"fmt"
	"slices"
	"strings"
)

// Touches reports whether the mend gives an outcome to what the cause, KIND:TABLE.COLUMN, keeps out. c is the mapping compiled.
func (m Mend) Touches(c *Compiled, cause string) bool {
	kind, place, _ := strings.Cut(cause, ":")
	if kind != m.Kind {
		return false
	}
	if m.Entry < 0 {
		return true
	}
	into := c.Plans[m.Entry].Into
	if m.Column != "" {
		return place == into+"."+m.Column
	}
	return place == into || strings.HasPrefix(place, into+".")
}

// Harms lists the mends between two mappings, both compiled, that are none, as what has arrived would arrive otherwise by now: a line
// for each, by its place in the file.
func Harms(mends []Mend, old, now *Compiled) []string {
	var lines []string
	for _, m := range mends {
		if m.Column == "" {
			continue
		}
		was, is := old.Plans[m.Entry].Column(m.Column), now.Plans[m.Entry].Column(m.Column)
		if why := m.harm(was, is); why != "" {
			lines = append(lines, fmt.Sprintf("tables[%s].columns[%s]: %s", now.File.Tables[m.Entry].Into.Text, m.Column, why))
		}
	}
	return lines
}

// harm says what the mend does to values that have arrived, or "". Both columns are nil where they are no columns of the target.
func (m Mend) harm(was, is *FedColumn) string {
	document := is != nil && (is.Type.Name == "json" || is.Type.Name == "jsonb")
	switch {
	case was == nil || is == nil:
		return ""
	case m.Kind == "not_null" && !is.notNull:
		return "if_null has a value for NULL, and the column is NULL in rows that have arrived"
	case m.Kind == "waits" && !slices.Contains(was.rules, "missing"):
		return "it makes the identifiers of rows that have arrived, and refers to others by now"
	case !slices.Contains(is.rules, m.Kind):
		return ""
	case m.Kind != "json_nul" && m.Silent && (is.Type.IsText() || document):
		return m.Kind + " is about dates that have arrived as texts, since nothing was said of them"
	case m.Kind == "json_nul" && m.Silent && is.Type.Name == "json":
		return "json_nul is about characters that have arrived as they are written, since nothing was said of them"
	case m.Kind == "json_nul" && !document && slices.Contains(was.rules, "nul_byte"):
		return "json_nul is about characters of which nul_byte has made something in what has arrived"
	}
	return ""
}

// Column returns the fed column of that name, nil if there is none.
func (p *RowPlan) Column(name string) *FedColumn {
	i := slices.IndexFunc(p.Columns, func(c FedColumn) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Columns[i]
}
