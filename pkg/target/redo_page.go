package target

import (
	"context"
	"fmt"
)

// A page is so many rows of a query at a time: as many as have pageBytes together, as far as the page before tells.
const (
	firstPage = 64
	maxPage   = 8192
	pageBytes = 4 << 20
)

// pages runs a query by a cursor and passes each row's binary values, valid until the next, to row. After some of them, and at the end, it
// calls page, which may use the transaction.
func (t *Tx) pages(ctx context.Context, query string, params [][]byte, types []uint32, what, table string,
	row func(values [][]byte) error, page func() error) error {
	t.cursors++
	cursor := fmt.Sprintf("rehome_cursor_%d", t.cursors)
	binaryForm := []int16{1}
	_, err := t.conn.PgConn().ExecParams(ctx, `DECLARE `+cursor+` NO SCROLL CURSOR FOR `+query, params, types, binaryForm, nil).Close()
	if err != nil {
		return classify(err, what, table)
	}
	size := firstPage
	for {
		rows, width := 0, 0
		err := stream(ctx, t.conn.PgConn(), fmt.Sprintf("FETCH %d FROM %s", size, cursor), nil, nil, what, table, func(values [][]byte) error {
			rows++
			for _, v := range values {
				width += len(v)
			}
			return row(values)
		})
		if err == nil {
			err = page()
		}
		if err != nil {
			return err
		}
		if rows < size {
			return t.run(ctx, what, "CLOSE "+cursor)
		}
		size = max(1, min(maxPage, 2*size, size*pageBytes/max(1, width)))
	}
}
