package transfer

import (
	"bytes"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// originals returns what rules that lose something have made something else of in the newest row of the encoder: of columns that keep it,
// Column, Rule and Bytes alone.
func originals(plan *mapping.RowPlan, encoder *mapping.Encoder, cells []value.Cell) (out []shard.Original) {
	encoder.Originals(cells, func(column int, rule string, original []byte) {
		out = append(out, shard.Original{Column: plan.Columns[column].Name, Rule: rule, Bytes: bytes.Clone(original)})
	})
	return out
}
