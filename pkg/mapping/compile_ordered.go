package mapping

import (
	"maps"
	"slices"

	"rehome/pkg/keyspace"
)

// ordered reports whether the uuids of an entity sort as its keys do.
func (f *File) ordered(entity string) bool {
	return slices.ContainsFunc(f.Ordered, func(w Word) bool { return w.Text == entity })
}

// ordered checks that the entities of ordered_uuids exist, and that their keys are integers.
func (k *compiler) ordered() {
	for _, w := range k.file.Ordered {
		makers := k.makers[w.Text]
		if len(makers) == 0 && !k.lost[w.Text] {
			k.fault(w.Pos, "ordered_uuids", didYouMean(w.Text, slices.Sorted(maps.Keys(k.makers))),
				"no entry makes the identifiers of entity %s: none has it as its table's primary key", w.Text)
		}
		for _, maker := range makers {
			if what := maker.unordered(); what != "" {
				k.fault(w.Pos, "ordered_uuids", "take "+w.Text+" out: its uuids are of version 5 then",
					"the key of entity %s is %s (line %d), and only the order of one integer fits into a uuid", w.Text, what, maker.makes().Pos.Line)
				break
			}
		}
	}
}

// unordered says what the key of the entry's entity is, if it is not one integer; empty, too, where that is not known.
func (e *entry) unordered() string {
	made := e.makes()
	types := e.types[slices.IndexFunc(e.Columns, func(c Column) bool { return c.Name == made.Name })]
	if len(types) > 1 {
		return "of several columns"
	}
	if kind, ok := KindOf(types[0]); ok && kind != keyspace.Integer {
		return kind.String()
	}
	return ""
}
