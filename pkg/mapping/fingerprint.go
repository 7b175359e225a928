package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Fingerprint returns a hash of both schemas as far as a mapping stands on them: the columns of the legacy tables that it reads and
// of the target tables that it feeds, with their types. Constraints and indexes are not in it, as some come off during the load.
func Fingerprint(c *Compiled, legacy *LegacyCatalog, target *TargetCatalog) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, t := range readTables(c, legacy) {
		_ = enc.Encode([]any{t.Name, t.Columns, t.PrimaryKey}) // a hash takes everything
	}
	fed := map[string]bool{}
	for _, p := range c.Plans {
		fed[p.Into] = true
	}
	for _, t := range sortedTables(target.Tables, (*TargetTable).FullName) {
		if fed[t.FullName()] {
			_ = enc.Encode([]any{t.FullName(), t.Kind, t.Columns})
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ReadTables returns the names of the legacy tables that a mapping reads: of those alone the Fingerprint knows anything.
func ReadTables(c *Compiled, legacy *LegacyCatalog) []string {
	var names []string
	for _, t := range readTables(c, legacy) {
		names = append(names, t.Name)
	}
	return names
}

func readTables(c *Compiled, legacy *LegacyCatalog) (tables []*LegacyTable) {
	froms, read := []string{c.Keys.From}, map[*LegacyTable]bool{}
	for _, p := range c.Plans {
		froms = append(froms, p.From)
	}
	for _, from := range froms {
		named, _ := parseFrom(from) // it was compiled
		for _, t := range named {
			read[legacy.Table(t.table)] = true
		}
	}
	for _, t := range sortedTables(legacy.Tables, func(t *LegacyTable) string { return t.Name }) {
		if read[t] {
			tables = append(tables, t)
		}
	}
	return tables
}

func sortedTables[T any](tables []T, name func(*T) string) []*T {
	out := make([]*T, len(tables))
	for i := range tables {
		out[i] = &tables[i]
	}
	slices.SortFunc(out, func(a, b *T) int { return strings.Compare(name(a), name(b)) })
	return out
}
