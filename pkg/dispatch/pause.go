package dispatch

import "context"

// pause has the queue hand out nothing while the migration is paused, and only then: one that was made anew has forgotten it, and one that could not be
// reached does not know.
func (d *Dispatcher) pause(ctx context.Context) error {
	controls, err := d.Ledger.Controls(ctx, d.Name)
	if err != nil {
		return err
	}
	backlog, err := d.Queue.Backlog(ctx, d.Name)
	paused := controls.Paused != ""
	switch {
	case err != nil || backlog.Paused == paused:
		return err
	case paused:
		return d.Queue.Pause(ctx, d.Name)
	}
	return d.Queue.Resume(ctx, d.Name)
}
