package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// NoteUntil notes how the operator has said the deadline that was set, for whoever watches.
func (l *Ledger) NoteUntil(ctx context.Context, name, text string) error {
	return event(ctx, l.pool, name, -1, 0, 0, "deadline said", map[string]string{"text": text})
}

// Until returns how the operator has said the last deadline; empty where nobody has noted it. It reads all that has happened since, so that it is not for each look.
func (l *Ledger) Until(ctx context.Context, name string) (text string, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT detail->>'text' FROM rehome.event
		 WHERE migration = $1 AND ordinal = -1 AND what = 'deadline said'
		 ORDER BY id DESC LIMIT 1`, name).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask how the deadline of migration %s was said: %w", name, err)
	}
	return text, nil
}
