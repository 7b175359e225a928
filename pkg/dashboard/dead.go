package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/producer"
)

// Republish says which dead letters are to be tried again: those with the IDs, those of a cause, or all.
type Republish struct {
	IDs   []string `json:"ids"`
	Cause string   `json:"cause"`
	All   bool     `json:"all"`
	Force bool     `json:"force"` // also those for which nothing has changed since they died; without it the legacy database is asked
}

// Discard says which dead letters are to be let go.
type Discard struct {
	IDs    []string `json:"ids"`
	Reason string   `json:"reason"` // which the report carries
}

// Discarded tells what became of each.
type Discarded struct {
	Discarded []producer.DiscardedShard `json:"discarded"`
	Refused   []RefusedShard            `json:"refused"`
}

// A RefusedShard is one that was not let go.
type RefusedShard struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

const (
	longestReason = 500  // bytes, as producer dead discard has it
	mostIDs       = 1000 // of one request
)

// letters are the dead letters for who asks.
func (d *Dashboard) letters(r *http.Request) Letters {
	return d.config.Letters(d.migration(), d.by(r))
}

// by says who decides.
func (d *Dashboard) by(r *http.Request) string { return "dashboard, signed in from " + addressOf(r) }

func (d *Dashboard) deadList(ctx context.Context, r *http.Request) (any, error) {
	return d.letters(r).List(ctx, "")
}

func (d *Dashboard) deadShow(ctx context.Context, r *http.Request) (any, error) {
	id := r.PathValue("id")
	if !d.config.Legacy {
		return nil, without("look into dead letter "+short(id), "producer dead show "+short(id))
	}
	shown, err := d.letters(r).Show(ctx, id)
	if err != nil {
		return nil, refusal(err)
	}
	shown.Now.FirstUser, shown.Now.LastUser = "", ""
	for i := range shown.Events {
		if shown.Events[i].Detail, err = json.Marshal(safe(shown.Events[i].Detail)); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// without says what cannot be done here, and where it can.
func without(what, command string) error {
	return &problem{http.StatusNotImplemented, what + ": the legacy database has to be asked, and this aggregator was given no LEGACY_DSN: type " + command +
		" where the producer runs, or start the aggregator with LEGACY_DSN"}
}

func (d *Dashboard) republish(ctx context.Context, r *http.Request) (any, error) {
	var want Republish
	if err := read(r, &want); err != nil {
		return nil, err
	}
	given := 0
	for _, is := range []bool{len(want.IDs) > 0, want.Cause != "", want.All} {
		if is {
			given++
		}
	}
	if given != 1 || len(want.IDs) > mostIDs {
		return nil, wrong(`republish dead letters: say one of "ids" (at most %d), "cause" and "all"`, mostIDs)
	}
	if !want.Force && !d.config.Legacy {
		return nil, without("republish what has changed since it died", "producer dead republish, or say force,")
	}
	done, err := d.letters(r).Republish(ctx, producer.Selection{IDs: want.IDs, Cause: want.Cause, All: want.All}, want.Force)
	d.crowd.act()
	if done != nil {
		for _, s := range done.Shards {
			d.note(ctx, r, "republish", "shard", s.ID, "result", s.Result)
		}
	}
	if err != nil {
		return nil, d.refused(ctx, err, "producer dead republish")
	}
	return done, nil
}

func (d *Dashboard) discard(ctx context.Context, r *http.Request) (any, error) {
	var want Discard
	if err := read(r, &want); err != nil {
		return nil, err
	}
	reason := strings.TrimSpace(want.Reason)
	switch {
	case len(want.IDs) == 0 || len(want.IDs) > mostIDs:
		return nil, wrong(`discard dead letters: say which in "ids", at most %d`, mostIDs)
	case reason == "" || len(reason) > longestReason:
		return nil, wrong(`discard dead letters: say why in "reason", in at most %d bytes: the report carries it, so name nobody in it`, longestReason)
	case !d.config.Legacy:
		return nil, without("discard "+strings.Join(shorts(want.IDs), " "), "producer dead discard "+short(want.IDs[0])+" --reason TEXT")
	}
	out := Discarded{Discarded: []producer.DiscardedShard{}, Refused: []RefusedShard{}}
	letters := d.letters(r)
	for _, id := range slices.Compact(want.IDs) {
		gone, err := letters.Discard(ctx, id, reason)
		d.crowd.act()
		switch {
		case err == nil:
			out.Discarded = append(out.Discarded, *gone)
			d.note(ctx, r, "discard", "shard", gone.ID, "result", "discarded")
		case isRefusal(err):
			out.Refused = append(out.Refused, RefusedShard{ID: short(id), Why: err.Error()})
		case len(out.Discarded) == 0:
			return nil, d.refused(ctx, err, "producer dead discard")
		default: // what is done is told
			_, why := statusOf(err)
			out.Refused = append(out.Refused, RefusedShard{ID: short(id), Why: why})
		}
	}
	return out, nil
}

// isRefusal reports whether somebody wanted what cannot be: the text is for them.
func isRefusal(err error) bool {
	id, refused := (*producer.IDError)(nil), (*producer.Refusal)(nil)
	return errors.As(err, &id) || errors.As(err, &refused)
}

// refusal gives an error its status.
func refusal(err error) error {
	switch id := (*producer.IDError)(nil); {
	case errors.As(err, &id):
		return notFound("%s", err.Error())
	case isRefusal(err), errors.Is(err, ledger.ErrEnding), errors.Is(err, ledger.ErrDoneAgain):
		return &problem{http.StatusConflict, err.Error()}
	}
	return err
}

// short spells an ID that somebody has sent, however long.
func short(id string) string {
	if len(id) > 20 {
		return id[:20] + "…"
	}
	return id
}

func shorts(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, short(id))
	}
	return out
}
