package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A Tx is the data's side of one transaction: it copies windows, reads them back and undoes parts. It belongs to one goroutine.
type Tx struct {
	conn    *pgx.Conn
	depth   int
	shapes  Shapes
	marks   map[*shard.Window]mark
	copying *copying       // the COPY that Send has begun and Copy has not ended
	met     []bool         // of the window being read back; kept for its memory
	byKey   map[string]int // and its rows; likewise

	grounds    map[*mapping.RowPlan]*ground // see Clear
	compared   []*mapping.RowPlan
	references []reference
	cursors    int
}

// A mark tells where a window's rows begin, as far as its COPY extended the table: in the page that the transaction's setting of the
// mark's number names.
type mark struct {
	number int
	depth  int // of savepoints when it was set
	before int // pages that are looked through before the end of the table
}

// Shapes are what one session has looked up about tables, so that the transactions of a session that lives long look nothing up twice.
type Shapes map[*mapping.RowPlan]*shape

// NewTx returns a Tx on a connection (pgx.Tx has it as Conn) that is in a transaction. Committing is the caller's business, and
// nothing else may use the connection while a method runs.
func NewTx(conn *pgx.Conn) *Tx { return Shapes{}.NewTx(conn) }

// NewTx is the function NewTx for the session that the shapes are of. Like that, they are for one goroutine.
func (s Shapes) NewTx(conn *pgx.Conn) *Tx {
	if s == nil {
		s = Shapes{}
	}
	return &Tx{
		conn:   conn,
		shapes: s,
		marks:  map[*shard.Window]mark{},
		byKey:  map[string]int{},
	}
}

// Savepoint starts a part that can be undone; parts nest.
func (t *Tx) Savepoint(ctx context.Context) error {
	if err := t.run(ctx, "set a savepoint", "SAVEPOINT "+savepoint(t.depth+1)); err != nil {
		return err
	}
	t.depth++
	return nil
}

// Undo takes back all since the newest savepoint and ends it. It works after an error too.
func (t *Tx) Undo(ctx context.Context) error {
	if t.depth == 0 {
		return shard.Failf(shard.Defect, "undo a part of the transaction: no savepoint is open")
	}
	if c := t.copying; c != nil {
		t.copying = nil
		_, _ = c.end(errGivenUp) // the server answers that it was given up
	}
	name := savepoint(t.depth)
	if err := t.run(ctx, "undo a part of the transaction", "ROLLBACK TO SAVEPOINT "+name+"; RELEASE SAVEPOINT "+name); err != nil {
		return err
	}
	for window, m := range t.marks {
		if m.depth >= t.depth {
			delete(t.marks, window)
		}
	}
	t.forgetGrounds()
	t.depth--
	return nil
}

var errGivenUp = errors.New("the part is taken back")

// Keep ends the newest savepoint; what was done since belongs to the part around it.
func (t *Tx) Keep(ctx context.Context) error {
	if t.depth == 0 {
		return shard.Failf(shard.Defect, "keep a part of the transaction: no savepoint is open")
	}
	if err := t.run(ctx, "keep a part of the transaction", "RELEASE SAVEPOINT "+savepoint(t.depth)); err != nil {
		return err
	}
	t.kept()
	return nil
}

// Seal is Finish and Keep at once. After an error the part is there to be undone.
func (t *Tx) Seal(ctx context.Context) error {
	if t.depth == 0 {
		return shard.Failf(shard.Defect, "seal a part of the transaction: no savepoint is open")
	}
	if err := t.run(ctx, "check the deferred constraints", allImmediate+"; RELEASE SAVEPOINT "+savepoint(t.depth)); err != nil {
		return err
	}
	t.kept()
	return nil
}

func (t *Tx) kept() {
	t.depth--
	for window, m := range t.marks {
		m.depth = min(m.depth, t.depth)
		t.marks[window] = m
	}
	for _, g := range t.grounds {
		g.depth = min(g.depth, t.depth)
	}
}

const allImmediate = "SET CONSTRAINTS ALL IMMEDIATE"

// Finish makes deferred constraints and triggers act now, and for the rest of the transaction at once.
func (t *Tx) Finish(ctx context.Context) error {
	return t.run(ctx, "check the deferred constraints", allImmediate)
}

func savepoint(depth int) string { return fmt.Sprintf("rehome_%d", depth) }

// run uses the simple protocol, which takes several statements in one round trip and leaves nothing prepared.
func (t *Tx) run(ctx context.Context, what, statements string) error {
	_, err := t.conn.PgConn().Exec(ctx, statements).ReadAll()
	return classify(err, what, "")
}
