package main_test

import (
	"fmt"
	"slices"
	"strings"
)

// quoted is the text as a literal whatever it holds.
func quoted(text string) string { return fmt.Sprintf("CONVERT(X'%x' USING utf8mb4)", text) }

func orNull(text *string) string {
	if text == nil {
		return "NULL"
	}
	return quoted(*text)
}

// legacy is the legacy database.
func (p *population) legacy() string {
	var out strings.Builder
	out.WriteString("SET sql_mode = '', time_zone = '+00:00';\n")
	for _, r := range p.relations {
		columns, types := r.legacyColumns(p.keys.legacy)
		fmt.Fprintf(&out, "CREATE TABLE %s (%s", r.name, strings.Join(types, ", "))
		if !r.ofUsers() {
			out.WriteString(", KEY (user_key)")
		}
		out.WriteString(");\n")
		for _, row := range r.records {
			fmt.Fprintf(&out, "INSERT INTO %s (%s) VALUES (%s);\n", r.name, strings.Join(columns, ", "), strings.Join(row.literals(), ", "))
		}
	}
	if p.attrs != nil {
		fmt.Fprintf(&out, "CREATE TABLE meta (mid INT PRIMARY KEY, uid %s, k VARCHAR(20) COLLATE utf8mb4_bin, v LONGTEXT, KEY (uid));\n", p.keys.legacy)
		for _, a := range p.allAttributes() {
			fmt.Fprintf(&out, "INSERT INTO meta VALUES (%d, %s, %s, %s);\n", a.id, a.user, orNull(a.name), orNull(a.value))
		}
	}
	return out.String()
}

func (p *population) allAttributes() []attribute {
	all := slices.Clone(p.attrs.homeless)
	for _, r := range p.relations[0].records {
		all = append(all, r.attrs...)
	}
	return all
}

// legacyColumns returns the names and the declarations of the legacy table's columns.
func (r *relation) legacyColumns(key string) (names, types []string) {
	add := func(name, declared string) { names, types = append(names, name), append(types, name+" "+declared) }
	if r.ofUsers() {
		add("user_key", key+" PRIMARY KEY")
		add("n", "INT")
	} else {
		add("id", "INT PRIMARY KEY")
		add("user_key", key)
	}
	add("note", "VARCHAR(100)")
	if r.filtered {
		add("kept", "INT")
	}
	for _, part := range r.parts {
		switch {
		case part.to == nil:
			add(part.name, part.kind.legacy)
		case part.from == "boss_key":
			add(part.from, key)
		case part.from != "user_key":
			add(part.from, "INT")
		}
	}
	return names, types
}

// literals are the row's values in the order of legacyColumns.
func (r *record) literals() []string {
	out := []string{r.literal, r.owner.literal}
	if r.in.ofUsers() {
		out[1] = fmt.Sprint(r.n)
	}
	out = append(out, quoted(r.note))
	if r.in.filtered {
		out = append(out, map[bool]string{true: "1", false: "NULL"}[r.kept])
	}
	for i, part := range r.in.parts {
		switch {
		case part.to == nil:
			out = append(out, r.cells[i].in)
		case part.from != "user_key":
			out = append(out, r.links[i].literal)
		}
	}
	return out
}

// target is the target's schema.
func (p *population) target() string {
	var out, later strings.Builder
	out.WriteString("CREATE EXTENSION citext; CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'ok'); CREATE DOMAIN app.short AS varchar(3);\n")
	for _, r := range p.relations {
		fmt.Fprintf(&out, "CREATE TABLE app.%s (id uuid PRIMARY KEY, lid int, note text", r.name)
		for _, part := range r.parts {
			kind := "uuid"
			if part.to == nil {
				kind = part.kind.target
			}
			fmt.Fprintf(&out, ", %s %s", part.name, kind)
			if part.unique {
				out.WriteString(" UNIQUE")
			}
			if part.fk {
				fmt.Fprintf(&later, "ALTER TABLE app.%s ADD FOREIGN KEY (%s) REFERENCES app.%s;\n", r.name, part.name, part.to.name)
			}
		}
		if r.ofUsers() && p.attrs != nil {
			out.WriteString(", nick varchar(6), level text, settings jsonb")
		}
		out.WriteString(");\n")
	}
	return out.String() + later.String()
}

// mapping is the migration.yaml.
func (p *population) mapping() string {
	var out strings.Builder
	head := strings.Replace(labHead, "time_zone: UTC", "time_zone: Europe/Berlin", 1)
	if p.waves {
		head = strings.Replace(head, "[{name: all}]", "[{name: odd, where: n MOD 2 = 1}, {name: others}]", 1)
	}
	fmt.Fprintf(&out, "%susers: {from: users, key: user_key, shard_rows: %d}\ntables:\n", head, p.shardRows)
	for _, r := range p.relations {
		lid, unowned := "id", r.unowned
		if r.ofUsers() {
			lid = "n"
		}
		if r.ofUsers() && p.attrs != nil {
			unowned = p.attrs.unknown
		}
		fmt.Fprintf(&out, "  - into: app.%s\n    from: %[1]s\n    user: user_key\n", r.name)
		if r.filtered {
			out.WriteString("    where: kept = 1\n    rest: leave\n")
		}
		if unowned != "" {
			fmt.Fprintf(&out, "    unowned: %s\n", unowned)
		}
		fmt.Fprintf(&out, "    columns:\n      id: {uuid: %s, of: %s}\n      lid: %s\n      note: note\n", r.entity(), r.id, lid)
		for _, part := range r.parts {
			fmt.Fprintf(&out, "      %s: %s\n", part.name, part.fed())
		}
		if r.ofUsers() && p.attrs != nil {
			fmt.Fprintf(&out, `    gather:
      from: meta
      user: uid
      name: k
      value: v
      many: %s
      columns: {nick: {of: nick, steps: [trim]}, level: level}
      keep: {into: settings, like: ["wp\\_%%"]}
      leave: {token: worthless}
    ignore: {mid: of no use}
`, p.attrs.many)
		}
	}
	return out.String()
}

func (r *relation) entity() string {
	if r.ofUsers() {
		return "user"
	}
	return r.name
}

// fed is the part as the mapping has it.
func (p *part) fed() string {
	if p.to == nil {
		return wordV.ReplaceAllString(p.kind.feed, p.name)
	}
	return fmt.Sprintf("{uuid: %s, of: %s, missing: %s}", p.of, p.from, p.keep)
}
