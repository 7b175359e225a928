package queue

import (
	"context"
	"errors"
	"time"
)

// pauseYears is as good as for ever: the server wants an end.
const pauseYears = 100

// Pause makes the server hand out no more tasks of the migration. Leases stay, and can be kept and acked. A queue that is lost forgets
// it, so that the ledger has to know it too.
func (c *Conn) Pause(ctx context.Context, migration string) error {
	return c.setPause(ctx, migration, "pause", time.Now().AddDate(pauseYears, 0, 0))
}

// Resume ends what Pause began; it is no error when nothing is paused.
func (c *Conn) Resume(ctx context.Context, migration string) error {
	return c.setPause(ctx, migration, "resume", time.Time{})
}

func (c *Conn) setPause(ctx context.Context, migration, what string, until time.Time) error {
	if err := checkMigration(migration); err != nil {
		return err
	}
	return c.call(ctx, what+" migration "+migration, func(ctx context.Context) error {
		// A time in the past is how JetStream spells resume.
		answer, err := c.js.PauseConsumer(ctx, tasks.stream(migration), workers, until)
		if err == nil && answer.Paused != until.After(time.Now()) {
			err = errors.New("the server took the request and did not obey")
		}
		return err
	})
}
