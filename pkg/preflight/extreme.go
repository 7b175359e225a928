package preflight

import (
	"context"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// limits are the lowest and the highest numbers of the legacy integers, signed and unsigned.
var limits = map[string][2][2]string{
	"TINYINT":   {{"-128", "127"}, {"0", "255"}},
	"SMALLINT":  {{"-32768", "32767"}, {"0", "65535"}},
	"MEDIUMINT": {{"-8388608", "8388607"}, {"0", "16777215"}},
	"INT":       {{"-2147483648", "2147483647"}, {"0", "4294967295"}},
	"BIGINT":    {{"-9223372036854775808", "9223372036854775807"}, {"0", "18446744073709551615"}},
}

// extremes asks for the real maximum and minimum of the numbers whose type has more room than the target's column: a sample says nothing
// of the one that does not fit.
func (s *scan) extremes(ctx context.Context) error {
	for _, p := range s.Mapping.Plans {
		var columns []int
		var exprs []string
		for i := range p.Columns {
			if s.narrows(p, i) {
				columns, exprs = append(columns, i), append(exprs, p.Select[p.Columns[i].Origin.Cells[0]])
			}
		}
		if len(columns) == 0 {
			continue
		}
		low, high, err := s.Source.Extremes(ctx, p, exprs)
		if err != nil {
			return err
		}
		for i := range min(len(columns), len(high)) {
			s.extreme(p, columns[i], low[i])
			s.extreme(p, columns[i], high[i])
		}
	}
	return nil
}

// narrows reports whether a column takes the numbers of a legacy integer as they are, and has not room for all that it could hold.
func (s *scan) narrows(p *mapping.RowPlan, column int) bool {
	o, fed := p.Columns[column].Origin, feedingOf(s.Mapping, p, column)
	if fed.sql == "" || len(fed.Steps) > 0 || fed.Values != nil || len(o.Types) != 1 || len(p.Columns[column].Rules()) > 0 {
		return false
	}
	bounds, integer := limits[o.Types[0].Name]
	if !integer {
		return false
	}
	room := bounds[0]
	if o.Types[0].Unsigned {
		room = bounds[1]
	}
	return !fitsInto(p, column, room[0]) || !fitsInto(p, column, room[1])
}

func fitsInto(p *mapping.RowPlan, column int, number string) bool {
	program, err := value.Compile(p.Columns[column].Origin.Types[0], p.Columns[column].Type, value.Rules{})
	if err != nil {
		return true
	}
	_, _, _, fault := program.Append(nil, value.Cell(number))
	return fault == ""
}

// extreme notes a number that does not fit, unless the sample has such already.
func (s *scan) extreme(p *mapping.RowPlan, column int, number value.Cell) {
	if number == nil || fitsInto(p, column, string(number)) {
		return
	}
	a := s.all.of(ground{entry: p.Ordinal, column: column, cause: "out_of_range:" + p.Into + "." + p.Columns[column].Name})
	a.atLeast = true
	if a.rows+a.behind == 0 {
		a.rows = 1
	}
	if _, known := a.values[string(number)]; !known {
		a.value(string(number))
	}
}
