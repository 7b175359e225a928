package mapping

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// Compile fits a mapping to the catalogs of both databases. All that does not fit comes back as Faults in err, at once, with
// places in the file; warnings are what fits but will hurt. Any other error means that the legacy server could not be asked.
func Compile(ctx context.Context, file *File, legacy *LegacyCatalog, target *TargetCatalog) (c *Compiled, warnings Faults, err error) {
	k := &compiler{ctx: ctx, file: file, legacy: legacy, target: target, zone: time.UTC, mentioned: map[string]map[string]bool{}}
	k.later()
	k.zones()
	keys, keysFit := k.keyspace()
	entries := k.readEntries(keys)
	k.entities(entries)
	c = &Compiled{File: file, Hash: Hash(file), Keys: keys}
	for _, e := range entries {
		c.Plans = append(c.Plans, e.plan)
		if keysFit && e.fits {
			k.entry(e)
		}
	}
	k.leftovers(entries)
	c.Fingerprint = Fingerprint(c, legacy, target)
	if k.outage != nil {
		return nil, nil, k.outage
	}
	return c, k.warnings, k.faults.Err()
}

// A compiler is one run of Compile.
type compiler struct {
	ctx       context.Context // of this one call; the compiler does not outlive it
	file      *File
	legacy    *LegacyCatalog
	target    *TargetCatalog
	zone      *time.Location
	faults    Faults
	warnings  Faults
	outage    error
	makers    map[string][]*entry        // entity to the entries whose rows carry its identifiers
	mentioned map[string]map[string]bool // legacy table to the columns that some expression mentions, in lower case
}

// An entry is one of the mapping's tables while it is compiled.
type entry struct {
	*Entry
	plan *RowPlan
	path string
	from []fromTable
	src  *LegacyTable
	fits bool // source and target exist, so that the rest can be looked at
}

func (k *compiler) fault(pos Pos, path, fix, format string, args ...any) {
	k.faults.Add(Fault{Pos: pos, File: k.file.Source, Path: path, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (k *compiler) warn(pos Pos, path, fix, format string, args ...any) {
	k.warnings.Add(Fault{Pos: pos, File: k.file.Source, Path: path, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// later refuses what the language has and this version does not do yet.
func (k *compiler) later() {
	const fix = "take it out, or wait for the version that has it"
	if k.file.WavesLive {
		k.fault(Pos{}, "waves_live", fix, "people cannot use the target between waves yet")
	}
	for i, e := range k.file.Tables {
		if e.Gather != nil {
			k.fault(e.Gather.Pos, fmt.Sprintf("tables[%d].gather", i), fix, "attribute tables cannot be gathered yet")
		}
		if e.Policies.KeepOriginals != nil {
			k.fault(e.Pos, fmt.Sprintf("tables[%d].keep_originals", i), fix, "originals cannot be kept yet")
		}
	}
	if k.file.Policies.KeepOriginals != nil {
		k.fault(Pos{}, "keep_originals", fix, "originals cannot be kept yet")
	}
}

func (k *compiler) zones() {
	name := k.file.Legacy.TimeZone
	if name.Text == "" {
		return
	}
	zone, err := time.LoadLocation(name.Text)
	if err != nil {
		k.fault(name.Pos, "legacy.time_zone", "write an IANA name such as Europe/Berlin", "there is no time zone %q", name.Text)
		return
	}
	k.zone = zone
}

// resolve asks the legacy server about a list of expressions; each is asked about alone when it refuses the list, so that every
// fault has its place. It returns nil when something is wrong.
func (k *compiler) resolve(from string, exprs []Expr, path func(int) string) []value.LegacyType {
	if k.outage != nil || len(exprs) == 0 {
		return nil
	}
	resolved, err := k.legacy.Resolve.Resolve(k.ctx, selectQuery(from, exprs))
	if fault, ok := err.(*QueryFault); ok {
		found := false
		for i, e := range exprs {
			if len(exprs) > 1 {
				_, err = k.legacy.Resolve.Resolve(k.ctx, selectQuery(from, exprs[i:i+1]))
				fault, ok = err.(*QueryFault)
			}
			if ok && err != nil {
				k.fault(e.Pos, path(i), "", "the legacy server refuses %q: %s", e.SQL, fault.Reason)
				found = true
			}
		}
		if !found {
			k.fault(exprs[0].Pos, path(0), "", "the legacy server refuses these expressions together: %s", fault.Reason)
		}
		return nil
	}
	if err != nil {
		k.outage = fmt.Errorf("ask the legacy server about the mapping's expressions: %w", err)
		return nil
	}
	for _, ref := range resolved.Mentioned {
		k.mention(ref.Table, ref.Column)
	}
	return resolved.Types
}

func (k *compiler) mention(table, column string) {
	table = strings.ToLower(table)
	if k.mentioned[table] == nil {
		k.mentioned[table] = map[string]bool{}
	}
	k.mentioned[table][strings.ToLower(column)] = true
}

func selectQuery(from string, exprs []Expr) string {
	list := make([]string, len(exprs))
	for i, e := range exprs {
		list[i] = "(" + e.SQL + ")"
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + from
}

// keyspace compiles users.
func (k *compiler) keyspace() (Keyspace, bool) {
	users := k.file.Users
	keys := Keyspace{From: users.From.SQL}
	tables, err := parseFrom(users.From.SQL)
	if err != nil {
		k.fault(users.From.Pos, "users.from", "", "%s", err)
		return keys, false
	}
	if k.legacy.Table(tables[0].table) == nil {
		k.unknownTable(users.From.Pos, "users.from", tables[0].table)
		return keys, false
	}
	keys.Table = tables[0].table
	if len(users.Key) != 1 {
		k.fault(users.Pos, "users.key", "write one column or expression", "a user's key of several columns is not supported")
		return keys, false
	}
	keys.Key = users.Key[0].SQL
	types := k.resolve(keys.From, users.Key, func(int) string { return "users.key" })
	if types == nil {
		return keys, false
	}
	kind, ok := KindOf(types[0])
	if !ok {
		k.fault(users.Key[0].Pos, "users.key", "use an integer, CHAR, VARCHAR, BINARY or VARBINARY key",
			"rehome cannot split users by a key of type %s", types[0].Name)
		return keys, false
	}
	keys.Kinds = []keyspace.Kind{kind}
	for i, wave := range k.file.Waves {
		if wave.Where != nil {
			k.resolve(keys.From, []Expr{*wave.Where}, func(int) string { return fmt.Sprintf("waves[%d].where", i) })
		}
	}
	return keys, true
}

func (k *compiler) unknownTable(pos Pos, path, name string) {
	names := make([]string, len(k.legacy.Tables))
	for i, t := range k.legacy.Tables {
		names[i] = t.Name
	}
	k.fault(pos, path, didYouMean(name, names), "the legacy database has no table %s", name)
}

// readEntries finds source and target of each of the mapping's tables.
func (k *compiler) readEntries(keys Keyspace) []*entry {
	entries := make([]*entry, len(k.file.Tables))
	for i := range k.file.Tables {
		e := &entry{Entry: &k.file.Tables[i], path: fmt.Sprintf("tables[%d]", i)}
		e.plan = &RowPlan{Ordinal: i, Into: e.Into.Text, From: e.From.SQL, Many: e.Many, Unowned: e.Unowned}
		source := k.source(e)
		target := k.into(e)
		e.fits = source && target
		entries[i] = e
	}
	return entries
}

// source finds the entry's row source.
func (k *compiler) source(e *entry) bool {
	tables, err := parseFrom(e.From.SQL)
	if err != nil {
		k.fault(e.From.Pos, e.path+".from", "", "%s", err)
		return false
	}
	e.from = tables
	for _, t := range tables {
		if k.legacy.Table(t.table) == nil {
			k.unknownTable(e.From.Pos, e.path+".from", t.table)
			return false
		}
	}
	e.src = k.legacy.Table(tables[0].table)
	k.joins(e)
	if len(e.src.PrimaryKey) == 0 {
		k.fault(e.From.Pos, e.path+".from", "add a primary key, or copy the table into one that has a key",
			"%s has no primary key, and rehome names each row by it", e.src.Name)
		return false
	}
	p := e.plan
	p.Source, p.SourceName, p.Joined = e.src.Name, tables[0].name, len(tables) > 1
	for _, column := range e.src.PrimaryKey {
		kind, ok := KindOf(e.src.Column(column).Type)
		if !ok {
			k.fault(e.From.Pos, e.path+".from", "", "the primary key of %s has a column of type %s, which rehome cannot split on",
				e.src.Name, e.src.Column(column).Type.Name)
			return false
		}
		p.SourceKey = append(p.SourceKey, Quote(p.SourceName)+"."+Quote(column))
		p.SourceKinds = append(p.SourceKinds, kind)
	}
	return true
}

// joins checks that each further table of a join is declared, and nothing else is.
func (k *compiler) joins(e *entry) {
	declared := map[string]bool{}
	for _, join := range e.Joins {
		declared[strings.ToLower(join.Table)] = true
		known := false
		for _, t := range e.from[1:] {
			known = known || strings.EqualFold(t.table, join.Table)
		}
		if !known {
			k.fault(join.Pos, e.path+".joins."+join.Table, "take it out, or join the table in from", "from does not join a table %s", join.Table)
		}
	}
	for _, t := range e.from[1:] {
		if !declared[strings.ToLower(t.table)] {
			k.fault(e.From.Pos, e.path+".joins", fmt.Sprintf("write joins: {%s: each} if each of its rows must be used once, else lookup", t.table),
				"from joins %s, and joins does not say how it is used", t.table)
		}
	}
}

// into finds the entry's target table.
func (k *compiler) into(e *entry) bool {
	t := k.target.Table(e.Into.Text)
	if t == nil {
		names := make([]string, len(k.target.Tables))
		for i := range k.target.Tables {
			names[i] = k.target.Tables[i].FullName()
		}
		k.fault(e.Into.Pos, e.path+".into", didYouMean(e.Into.Text, names), "the target database has no table %s", e.Into.Text)
		return false
	}
	e.plan.Target, e.plan.Into = t, t.FullName()
	if t.Kind != 'r' {
		k.fault(e.Into.Pos, e.path+".into", "feed an ordinary table", "%s is not an ordinary table", e.plan.Into)
		return false
	}
	if t.RowSecurity {
		k.fault(e.Into.Pos, e.path+".into", "disable it for the load", "row level security of %s would hide rows", e.plan.Into)
	}
	for _, rule := range t.Rules {
		k.fault(e.Into.Pos, e.path+".into", "drop it for the load", "rule %s of %s would change what is written", rule, e.plan.Into)
	}
	k.triggers(e, t)
	return true
}

func (k *compiler) triggers(e *entry, t *TargetTable) {
	allowed := map[string]bool{}
	for _, fire := range e.Triggers {
		allowed[fire.Name] = true
	}
	for _, trigger := range t.Triggers {
		if !allowed[trigger.Name] {
			k.fault(e.Into.Pos, e.path+".triggers", fmt.Sprintf("write triggers: {%s: fire} if that is wanted, else drop it for the load", trigger.Name),
				"trigger %s of %s would fire for each row", trigger.Name, e.plan.Into)
		}
		delete(allowed, trigger.Name)
	}
	for _, fire := range e.Triggers {
		if allowed[fire.Name] {
			k.fault(fire.Pos, e.path+".triggers."+fire.Name, "take it out", "%s has no trigger %s that an insert fires", e.plan.Into, fire.Name)
		}
	}
}
