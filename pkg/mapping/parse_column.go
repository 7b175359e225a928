package mapping

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

const columnFix = `write an expression; for SQL's NULL write "NULL", to leave the column to the target take the key out`

const emptyFix = `write "" for the empty text; `

var columnShape = shape[Column]{
	&schema{AnyOf: []*schema{plainColumn.schema, sqlColumn.schema, uuidColumn.schema, constColumn.schema}},
	func(at place, n ast.Node) Column {
		switch kindOf(n) {
		case kindList:
			at.fault("write an expression, or {sql: …}, {uuid: …} or {const: …}", "a list is no column")
			return Column{}
		case kindMap:
			return columnMap(at, n)
		}
		return Column{SQL: &SQLColumn{Expr: plainColumn.read(at, n)}}
	}}

// columnMap reads the form that the keys of n name, or come nearest to.
func columnMap(at place, n ast.Node) Column {
	var names []string
	for _, p := range pairs(n) {
		if kindOf(p.Key) == kindScalar {
			names = append(names, textOf(p.Key))
		}
	}
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(names, w) })
	}
	forms := slices.DeleteFunc([]string{"sql", "uuid", "const"}, func(w string) bool { return !has(w) })
	switch {
	case len(forms) > 1:
		at.fault("", "%s stand here together, and a column is one of them", strings.Join(forms, " and "))
		return Column{}
	case has("uuid"), len(forms) == 0 && has("of", "missing"):
		return Column{UUID: new(uuidColumn.read(at, n))}
	case has("const"):
		return Column{Const: new(constColumn.read(at, n))}
	}
	return Column{SQL: new(sqlColumn.read(at, n))}
}

var plainColumn = expression(columnFix)

var sqlColumn = ruled(object(func(Pos) SQLColumn { return SQLColumn{} },
	func(at place, given keys, c *SQLColumn) { checkRules(at, given, &c.Rules) },
	slices.Concat([]field[SQLColumn]{
		must("sql", "an SQL expression that the legacy database evaluates",
			plainColumn, func(c *SQLColumn) *Expr { return &c.Expr }),
	}, part(ruleFields, func(c *SQLColumn) *Rules { return &c.Rules }))...))

var uuidColumn = object(func(at Pos) UUID { return UUID{Missing: MissingWait, Pos: at} }, nil,
	must("uuid", "the entity that the key is one of; two columns with the same entity and key are the same uuid",
		entityShape, func(u *UUID) *Word { return &u.Entity }),
	must("of", "the legacy key: an expression, or a list of them",
		oneOrList(expression("write the legacy key")), func(u *UUID) *[]Expr { return &u.Of }),
	may("missing", "what becomes of a reference to a row that will not arrive: wait (default), to_null, or leave the row out",
		enum(MissingWait, MissingToNull, MissingLeave), func(u *UUID) *Missing { return &u.Missing }))

// entityShape excludes the colon, which separates namespace and entity in what a uuid is made of.
var entityShape = pattern(`^[^:\s]+$`, "write a name without colons and spaces")

var constColumn = object(func(Pos) Word { return Word{} }, nil,
	must("const", "a text, the same in every row",
		textShape(emptyFix+"for NULL take the column out"), func(w *Word) *Word { return w }))

var ruleFields = slices.Concat([]field[Rules]{
	may("steps", "what is done to a value that is not NULL, in this order",
		listOf(stepShape), func(r *Rules) *[]Step { return &r.Steps }),
	may("values", "a total map of old to new",
		valuesShape, func(r *Rules) *[]Value { return &r.Values }),
	may("otherwise", "what becomes of a value that values does not name: reject (default), keep, to_null, or {to: VALUE}",
		otherwiseShape, func(r *Rules) *Otherwise { return &r.Otherwise }),
	may("if_null", "what stands for NULL; without it NULL stays NULL",
		maybe(textShape(emptyFix+"take if_null out to leave NULL as it is")), func(r *Rules) **Word { return &r.IfNull }),
}, part(policyFields, func(r *Rules) *Policies { return &r.Policies }))

var valuesShape = filled(sorted(
	mapOf(textShape(emptyFix+"for NULL take the line out and write otherwise: to_null"),
		func(from string, at Pos, to Word) Value { return Value{from, to.Text, at} }),
	func(v Value) string { return v.From }))

var otherwiseShape = func() shape[Otherwise] {
	of := wordOr(inMap, "reject", "keep", "to_null")
	return shape[Otherwise]{of.schema, func(at place, n ast.Node) Otherwise {
		o := of.read(at, n)
		return Otherwise{OtherwiseDo(o.do), o.to, o.pos}
	}}
}()

// ruled says to an editor what checkRules says to Parse.
func ruled[T any](of shape[T]) shape[T] {
	s := *of.schema
	s.Dependencies = map[string][]string{"otherwise": {"values"}}
	return shape[T]{&s, of.read}
}

func checkRules(at place, given keys, r *Rules) {
	other, hasOther := given["otherwise"]
	values, hasValues := given["values"]
	switch {
	case hasOther && !hasValues:
		at.at(other).fault("add values, or take otherwise out", "otherwise stands here without values")
	case hasValues && !hasOther:
		r.Otherwise = Otherwise{Do: OtherwiseReject, Pos: values}
	}
}
