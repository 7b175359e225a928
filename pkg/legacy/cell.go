package legacy

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"rehome/pkg/value"
)

// A speller spells the driver's values as text. Its cells are valid until the next row.
type speller struct {
	years []bool // columns of type YEAR, which the binary protocol has as numbers
	room  []byte
	cells []value.Cell
}

// typed is what we ask of the driver's rows about a column.
type typed interface {
	ColumnTypeDatabaseTypeName(int) string
	ColumnTypePrecisionScale(int) (precision, scale int64, ok bool)
}

// unfixed is how many digits after the point a server says where it does not know.
const unfixed = 31

func newSpeller(rows driver.Rows) (*speller, error) {
	n := len(rows.Columns())
	s := &speller{years: make([]bool, n), cells: make([]value.Cell, n)}
	types, ok := rows.(typed)
	if !ok {
		return nil, errors.New("the driver does not tell types")
	}
	for i := range n {
		name := types.ColumnTypeDatabaseTypeName(i)
		s.years[i] = name == "YEAR"
		_, digits, _ := types.ColumnTypePrecisionScale(i)
		if digits == unfixed && (name == "DATETIME" || name == "TIME" || name == "TIMESTAMP") {
			return nil, unfixedDigits(i, name)
		}
	}
	return s, nil
}

func unfixedDigits(column int, name string) error {
	return fmt.Errorf("column %d is a %s of unknown fractional digits, which would be lost: CAST it to %s(6)", column+1, name, name)
}

// row returns the values as cells.
func (s *speller) row(values []driver.Value) ([]value.Cell, error) {
	s.room = s.room[:0]
	for i, v := range values {
		from := len(s.room)
		switch v := v.(type) {
		case nil:
			s.cells[i] = nil
			continue
		case []byte: // in the driver's buffer until the next row; never nil, since the empty string is no NULL
			s.cells[i] = v
			if v == nil {
				s.cells[i] = value.Cell{}
			}
			continue
		case int64:
			s.room = s.integer(v, s.years[i])
		case float32:
			s.room = strconv.AppendFloat(s.room, float64(v), 'g', -1, 32)
		case float64:
			s.room = strconv.AppendFloat(s.room, v, 'g', -1, 64)
		case string:
			s.room = append(s.room, v...)
		default:
			return nil, fmt.Errorf("column %d arrives as a %T", i+1, v)
		}
		s.cells[i] = s.room[from:len(s.room):len(s.room)]
	}
	return s.cells, nil
}

func (s *speller) integer(v int64, year bool) []byte {
	if year && v == 0 {
		return append(s.room, "0000"...)
	}
	return strconv.AppendInt(s.room, v, 10)
}
