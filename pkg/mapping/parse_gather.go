package mapping

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

var gatherShape = object(func(at Pos) Gather { return Gather{Many: ManyReject, Pos: at} }, checkGather,
	must("from", "the attribute table of the legacy database", fromShape, func(g *Gather) *Expr { return &g.From }),
	must("user", "which user an attribute belongs to", keyExprs, func(g *Gather) *[]Expr { return &g.User }),
	must("name", "the expression with the attribute's name",
		expression("write the column with the attribute's name"), func(g *Gather) *Expr { return &g.Name }),
	must("value", "the expression with the attribute's value",
		expression("write the column with the attribute's value"), func(g *Gather) *Expr { return &g.Value }),
	may("columns", "columns of the target, each with the attribute that feeds it",
		mapOf(gatherColumn, func(name string, at Pos, c GatherColumn) GatherColumn {
			c.Name, c.Pos = name, at
			return c
		}), func(g *Gather) *[]GatherColumn { return &g.Columns }),
	may("keep", "further attributes that are collected in one jsonb column, by their names", maybe(keepShape), func(g *Gather) **Keep { return &g.Keep }),
	may("leave", "attributes that are left where they are, each with a word why; a name that neither columns, keep nor leave knows is refused",
		reasonsShape, func(g *Gather) *[]Reason { return &g.Leave }),
	may("many", "what becomes of a second attribute of a user with the same name: reject (default), first, last, or array, which makes JSON lists of all",
		enum(ManyReject, ManyFirst, ManyLast, ManyArray), func(g *Gather) *GatherMany { return &g.Many }))

func checkGather(at place, given keys, _ *Gather) {
	_, columns := given["columns"]
	if _, keep := given["keep"]; !columns && !keep {
		at.fault("", "columns or keep is missing")
	}
}

var keepShape = object(func(at Pos) Keep { return Keep{Pos: at} }, nil,
	must("into", "the jsonb column of the target; a user without such attributes gets {}", nameShape, func(k *Keep) *Word { return &k.Into }),
	must("like", "LIKE patterns of the attributes' names, in which case counts", listOf(textShape("write a LIKE pattern")), func(k *Keep) *[]Word { return &k.Like }))

var attributeShape = textShape(emptyFix + "write the attribute's name")

var ruledAttribute = ruled(object(func(Pos) GatherColumn { return GatherColumn{} },
	func(at place, given keys, c *GatherColumn) { checkRules(at, given, &c.Rules) },
	slices.Concat([]field[GatherColumn]{
		must("of", "the attribute's name", attributeShape, func(c *GatherColumn) *Word { return &c.Of }),
	}, part(ruleFields, func(c *GatherColumn) *Rules { return &c.Rules }))...))

// gatherColumn is an attribute's name, or {of: NAME} with rules.
var gatherColumn = shape[GatherColumn]{
	&schema{AnyOf: []*schema{attributeShape.schema, ruledAttribute.schema}},
	func(at place, n ast.Node) GatherColumn {
		if kindOf(n) == kindMap {
			return ruledAttribute.read(at, n)
		}
		return GatherColumn{Of: attributeShape.read(at, n)}
	}}
