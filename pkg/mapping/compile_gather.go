package mapping

import (
	"context"
	"slices"
	"strings"

	"rehome/pkg/value"
)

// A gathering is an entry's gather while it is compiled: its attribute table as an entry of its own, which feeds no column.
type gathering struct {
	*entry
	gather    *Gather
	nameType  value.LegacyType
	valueType value.LegacyType
}

// readGather looks up the attribute table, and asks the legacy server what its expressions are.
func (k *compiler) readGather(ctx context.Context, e *entry) error {
	f, g := e.Entry, e.Gather
	if g == nil {
		return nil
	}
	table := &Entry{Into: f.Into, From: g.From, User: g.User, Unowned: f.Unowned, Scan: f.Scan, Ignore: f.Ignore, Pos: f.Pos}
	a := &gathering{gather: g, entry: &entry{Entry: table, path: e.path + ".gather", host: e}}
	a.plan = &RowPlan{Into: f.Into.Text, From: g.From.SQL, Unowned: f.Unowned, GatheredBy: e.plan}
	a.scope = k.scope(g.From, a.path+".from")
	e.gathers = a
	if len(a.tables) > 1 {
		k.fault(g.From.Pos, a.path+".from", "write the attribute table alone", "attributes are gathered from one table, and this is a join")
		a.unread = true
		return nil
	}
	if !k.source(a.entry) {
		return nil
	}
	if err := k.probe(ctx, a.scope, a.path+".from", a.plan.SourceKey...); err != nil || len(a.tables) == 0 {
		return err
	}
	a.fits = true
	return k.resolve(ctx, a.scope, append(a.questions(),
		question{g.Name, a.path + ".name", &a.nameType}, question{g.Value, a.path + ".value", &a.valueType}))
}

// gather compiles how attributes become columns of the entry, whose other columns are compiled.
func (k *compiler) gather(e *entry) {
	a := e.gathers
	if a == nil || !k.gatherable(e) || !a.fits {
		return
	}
	a.plan.Into, a.plan.Target = e.plan.Into, e.plan.Target
	if len(a.User) > 0 {
		k.user(a.entry)
	}
	if !k.attributeName(a) || a.valueType.Name == "" {
		return
	}
	p := &GatherPlan{Plan: a.plan, Name: a.gather.Name.SQL, Value: a.gather.Value.SQL, many: a.gather.Many,
		slots: map[string]int{}, leave: map[string]bool{}}
	at := len(e.plan.Select)
	for i := range a.gather.Columns {
		k.gatherColumn(e, p, &a.gather.Columns[i], at+i)
	}
	k.keep(e, p, at+len(a.gather.Columns))
	k.leave(a, p)
	e.plan.Gather = p
}

// gatherable checks that each user has one row of the entry at most, and that nothing but where takes it away: to that row the
// attributes go.
func (k *compiler) gatherable(e *entry) bool {
	before := len(k.faults)
	g, path := e.Gather, e.path+".gather"
	if len(e.User) == 0 {
		k.fault(g.Pos, path, "write user in place of key, or take gather out", "the rows of this entry belong to no user, and attributes are a user's")
		return false
	}
	if e.Many {
		k.fault(g.Pos, path, "take many out, or gather in another entry", "this entry makes several rows of one, and attributes go to one row")
	}
	if e.Unowned == UnownedMigrate {
		k.fault(g.Pos, path, "write unowned: reject or leave", "rows of no user are migrated by this entry, and nobody's attributes could go to them")
	}
	if !e.keepsAll() {
		k.fault(e.From.Pos, e.path+".from", "write LEFT JOIN, and in where which rows are wanted",
			"the join may drop a row, and the attributes of its user would have nowhere to go")
	}
	table, column := e.column(e.User[0])
	first := &e.tables[0]
	if table != first || !slices.Equal(first.PrimaryKey, []string{column.Name}) {
		k.fault(g.Pos, path, "gather in an entry whose user is the primary key of its table, or give the attribute table an entry of its own",
			"the primary key of %s is %s, and not the entry's user: a user may have several rows of it, and attributes go to one",
			first.Name, strings.Join(first.PrimaryKey, ", "))
	}
	return len(k.faults) == before
}

// texts are the types of the texts that are characters.
var texts = []string{"CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET"}

func isText(t value.LegacyType) bool { return slices.Contains(texts, t.Name) && !t.Binary }

func (k *compiler) attributeName(a *gathering) bool {
	if a.nameType.Name == "" {
		return false // refused, and reported as that
	}
	if !isText(a.nameType) {
		k.fault(a.gather.Name.Pos, a.path+".name", "write CONVERT(COLUMN USING utf8mb4), or CAST(COLUMN AS CHAR)",
			"it is of type %s, and an attribute's name is a text", a.nameType.Name)
		return false
	}
	return true
}

// gathered returns the column of the target that a gather feeds; what builds it is still to be added.
func (k *compiler) gathered(e *entry, pos Pos, path, name string) (FedColumn, bool) {
	target := e.plan.Target.Column(name)
	if target == nil {
		k.unknownColumn(pos, path, e, name)
		return FedColumn{}, false
	}
	if target.Generated || target.Identity == 'a' {
		k.fault(pos, path, "take it out", "%s of %s is generated always by the target", name, e.plan.Into)
		return FedColumn{}, false
	}
	if slices.ContainsFunc(e.plan.Columns, func(c FedColumn) bool { return c.Name == name }) {
		k.fault(pos, path, "take it out of one of the two", "column %s is fed twice by this entry", name)
		return FedColumn{}, false
	}
	return FedColumn{Name: name, Type: target.Type, notNull: target.NotNull}, true
}

// gatherColumn compiles one column whose attribute is the row's cell at the given position.
func (k *compiler) gatherColumn(e *entry, p *GatherPlan, c *GatherColumn, at int) {
	path := e.path + ".gather.columns." + c.Name
	slot, known := p.slots[c.Of.Text]
	if !known {
		slot = len(p.slots)
		p.slots[c.Of.Text] = slot
		p.causes = append(p.causes, "gather:"+e.plan.Into+"."+c.Name)
	}
	p.columns = append(p.columns, slot)
	fed, ok := k.gathered(e, c.Pos, path, c.Name)
	if !ok {
		return
	}
	policies := c.Policies.Or(e.Policies).Or(k.file.Policies)
	rules := rulesOf(c.Rules, policies)
	rules.Zone = k.zone
	if p.many == ManyArray {
		ok = k.document(e.gathers, &fed, at, rules, c.Pos, path)
	} else {
		ok = k.attribute(e.gathers, &fed, at, rules, c.Pos, path)
	}
	if ok {
		fed.keep(policies, fed.loses)
		e.plan.Columns = append(e.plan.Columns, fed)
	}
}

func (k *compiler) attribute(a *gathering, fed *FedColumn, at int, rules value.Rules, pos Pos, path string) bool {
	program, err := value.Compile(a.valueType, fed.Type, rules)
	if err != nil {
		k.lines(pos, path, err)
		return false
	}
	fed.build, fed.rules, fed.loses = builder{program: program, cell: at}, program.Rules(), program.Loses()
	fed.Origin = Origin{Cells: []int{at}, Types: []value.LegacyType{a.valueType}}
	return true
}

// plainText is what each value of a document becomes before the document is made.
var plainText = value.TargetType{OID: 25, Name: "text", Kind: 'b', Typmod: -1}

// document compiles a column that is made of several values. The rules are for each of them, but if_null, which is for a user without any.
func (k *compiler) document(a *gathering, fed *FedColumn, at int, rules value.Rules, pos Pos, path string) bool {
	if fed.Type.Name != "json" && fed.Type.Name != "jsonb" {
		k.fault(pos, path, "make the target column a jsonb", "it is of type %s, and several values make a document", fed.Type.Name)
		return false
	}
	whole := value.Rules{IfNull: rules.IfNull}
	rules.IfNull = nil
	each, err := value.Compile(a.valueType, plainText, rules)
	if err != nil {
		k.lines(pos, path, err)
		return false
	}
	made := value.LegacyType{Name: "JSON", Nullable: true}
	all, err := value.Compile(made, fed.Type, whole)
	if err != nil {
		k.lines(pos, path, err)
		return false
	}
	simple := isText(a.valueType) && len(rules.Steps) == 0 && rules.Values == nil
	fed.build.other = (&document{at: at, each: each, whole: all, simple: simple}).build
	fed.rules = slices.Concat(each.Rules(), all.Rules())
	fed.loses = each.Loses() | all.Loses()<<len(each.Rules())
	fed.Origin = Origin{Cells: []int{at}, Types: []value.LegacyType{made}}
	return true
}

// lines reports an error of several lines as a fault for each.
func (k *compiler) lines(pos Pos, path string, err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		k.fault(pos, path, "", "%s", line)
	}
}

// keep compiles the column of the attributes that no other column names.
func (k *compiler) keep(e *entry, p *GatherPlan, at int) {
	keep := e.Gather.Keep
	if keep == nil {
		return
	}
	path := e.path + ".gather.keep"
	p.keep = &keepPlan{cause: "gather:" + e.plan.Into + "." + keep.Into.Text}
	for _, like := range keep.Like {
		p.keep.like = append(p.keep.like, parseLike(like.Text))
	}
	fed, ok := k.gathered(e, keep.Into.Pos, path+".into", keep.Into.Text)
	if !ok {
		return
	}
	policies := e.Policies.Or(k.file.Policies)
	rules := rulesOf(Rules{}, policies)
	rules.Zone = k.zone
	if k.document(e.gathers, &fed, at, rules, keep.Into.Pos, path+".into") {
		fed.keep(policies, fed.loses)
		e.plan.Columns = append(e.plan.Columns, fed)
	}
}

// leave compiles the names of the attributes that stay where they are.
func (k *compiler) leave(a *gathering, p *GatherPlan) {
	for _, reason := range a.gather.Leave {
		p.leave[reason.Name] = true
		if _, feeds := p.slots[reason.Name]; feeds {
			k.fault(reason.Pos, a.path+".leave."+reason.Name, "take it out of one of the two", "attribute %s feeds a column, and is left where it is", shown(reason.Name))
		}
	}
}

// fed returns the names of the target's columns that the entry feeds, in the order of the file.
func (e *Entry) fed() []string {
	var names []string
	for _, c := range e.Columns {
		names = append(names, c.Name)
	}
	if e.Gather == nil {
		return names
	}
	for _, c := range e.Gather.Columns {
		names = append(names, c.Name)
	}
	if e.Gather.Keep != nil {
		names = append(names, e.Gather.Keep.Into.Text)
	}
	return names
}
