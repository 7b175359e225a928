package report

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// section writes rows under their head, after an empty line; a head alone is left out.
func section(b *strings.Builder, rows [][]string) {
	if len(rows) > 1 {
		b.WriteByte('\n')
		Columns(b, rows)
	}
}

func (r *Report) waves(b *strings.Builder) {
	rows := [][]string{{"WAVE", "PLANNED", "MIGRATED", "GATE"}}
	for _, w := range r.Waves {
		gate := w.Gate
		if w.Override {
			gate += " as told"
		}
		rows = append(rows, []string{short(w.Name), Number(w.Users.Planned), Number(w.Users.Migrated), gate})
	}
	if len(r.Waves) > 1 {
		section(b, rows)
	}
}

// legacy shows the legacy tables of which something is left.
func (r *Report) legacy(b *strings.Builder) {
	rows := [][]string{{"LEGACY TABLE", "ROWS", "USED", "LEFT OUT", "UNEXPLAINED"}}
	for _, l := range r.Legacy {
		if l.LeftOut != 0 || l.Unexplained != 0 {
			rows = append(rows, []string{short(l.Table), Number(l.Rows), Number(l.Used), Number(l.LeftOut), Number(l.Unexplained)})
		}
	}
	section(b, rows)
}

// rules shows what rules changed, by table and column, each named once.
func (r *Report) rules(b *strings.Builder) {
	sorted := slices.Clone(r.Rules)
	order := map[string]int{}
	for i, rule := range r.Rules {
		if _, ok := order[rule.Table]; !ok {
			order[rule.Table] = i
		}
	}
	slices.SortStableFunc(sorted, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(order[a.Table], order[b.Table]), cmp.Compare(a.Column, b.Column), -cmp.Compare(a.Rows, b.Rows))
	})
	rows := [][]string{{"CHANGED BY RULE", "COLUMN", "RULE", "ROWS"}}
	var above Rule
	for _, rule := range sorted {
		table, column := short(rule.Table), short(rule.Column)
		if rule.Table == above.Table {
			table = ""
			if rule.Column == above.Column {
				column = ""
			}
		}
		above = rule
		rows = append(rows, []string{table, column, short(rule.Rule), Number(rule.Rows)})
	}
	section(b, rows)
}

// causes shows what was kept out, the worst cause first.
func (r *Report) causes(b *strings.Builder) {
	rows := [][]string{{"CAUSE", "USERS", "ROWS", "FOR EXAMPLE"}}
	for _, c := range r.worst() {
		rows = append(rows, []string{c.Cause, Number(c.Users), Number(c.Rows), examples(c.SampleKeys)})
	}
	section(b, rows)
}

// dead shows what shards are dead of.
func (r *Report) dead(b *strings.Builder) {
	rows := [][]string{{"DEAD OF", "SHARDS", "USERS", "ROWS"}}
	for _, d := range r.Dead {
		rows = append(rows, []string{d.Cause, Number(d.Shards), Number(d.Users), Number(d.Rows)})
	}
	section(b, rows)
}

// conflicts shows what the target itself has changed.
func (r *Report) conflicts(b *strings.Builder) {
	rows := [][]string{{"CONFLICT", "TABLE", "ROWS", "GAVE WAY", "FOR EXAMPLE"}}
	for _, c := range r.Conflicts {
		rows = append(rows, []string{c.Kind, short(c.Table), Number(c.Rows), Number(c.Settled), examples(c.SampleKeys)})
	}
	section(b, rows)
}

// originals shows where what was lost can be looked up.
func (r *Report) originals(b *strings.Builder) {
	rows := [][]string{{"ORIGINALS KEPT", "COLUMN", "RULE", "ROWS"}}
	for _, o := range r.Originals {
		column := short(o.Column)
		if column == "" {
			column = "(the whole row)"
		}
		rows = append(rows, []string{short(o.Table), column, short(o.Rule), Number(o.Rows)})
	}
	section(b, rows)
}

// own shows the tables that the target's own rows have made another size.
func (r *Report) own(b *strings.Builder) {
	rows := [][]string{{"IN USE SINCE THE LOAD", "HOLDS", "WRITTEN"}}
	for _, o := range r.Own {
		rows = append(rows, []string{short(o.Table), Number(o.Rows), Number(o.Written)})
	}
	section(b, rows)
}

// examples are the first keys that fit into a line, and one in any case.
func examples(keys []string) string {
	const width = 44
	out := ""
	for i, key := range keys {
		if i > 0 && utf8.RuneCountInString(out)+1+utf8.RuneCountInString(key) > width {
			break
		}
		out = strings.TrimPrefix(out+" "+key, " ")
	}
	return out
}

// short spells a name, which may be of any length, so that a table stays readable.
func short(name string) string { return cut(name, 40) }

func cut(name string, width int) string {
	name = strings.Join(strings.Fields(name), " ")
	if utf8.RuneCountInString(name) <= width {
		return name
	}
	return string([]rune(name)[:width-1]) + "…"
}
