package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

// persist works on a shard until it is done: an outage, as a lock that somebody else holds for long, is no reason to give up.
func (d *desk) persist(r ledger.RedoShard) {
	d.Helper()
	added, err := d.ledger.AddRedo(d.Context(), d.name, []ledger.RedoShard{r})
	d.must(err)
	for range 20 {
		_, err = d.does(added[0].ID)
		if kind, _ := shard.KindOf(err); err == nil || kind != shard.Outage {
			break
		}
	}
	d.must(err)
}

func TestRedoUnderFire(t *testing.T) {
	d := newDesk(t, stormLegacy, stormTarget, storm)
	for user := 1; user <= stormUsers; user++ {
		d.inLegacy(fmt.Sprintf(`INSERT INTO users VALUES (%d, 'n', NULL)`, user))
	}
	for post := 101; post < 101+stormPosts; post++ {
		d.inLegacy(fmt.Sprintf(`INSERT INTO posts VALUES (%d, %d, NULL, 'q', 'first')`, post, 1+post%stormUsers))
	}
	d.load()
	ctx, stop := context.WithCancel(t.Context())
	app := d.connect()
	var group errgroup.Group
	last := map[int]string{} // what the application has made of a post, as it was told; empty for taken out
	group.Go(func() error {
		random := rand.New(rand.NewPCG(1, 2))
		for n := 0; ctx.Err() == nil; n++ {
			post, text := 101+random.IntN(stormPosts), fmt.Sprint("theirs ", n)
			statement := fmt.Sprintf(`UPDATE app.posts SET title = '%s' WHERE id = %d`, text, post)
			switch random.IntN(4) {
			case 0:
				statement, text = fmt.Sprintf(`DELETE FROM app.posts WHERE id = %d AND title NOT LIKE 'own%%'`, post), ""
			case 1:
				post += 1000
				text = fmt.Sprint("own ", n)
				statement = fmt.Sprintf(`INSERT INTO app.posts VALUES (%d, %d, NULL, 'own', '%s') ON CONFLICT (id) DO UPDATE SET title = excluded.title`,
					post, 1+random.IntN(stormUsers), text)
			}
			tag, err := app.Exec(t.Context(), statement)
			if err == nil && tag.RowsAffected() == 1 {
				last[post] = text
			}
		}
		return nil
	})
	for n := range 15 {
		d.inLegacy(fmt.Sprintf(`UPDATE posts SET title = 'legacy %d' WHERE id %% 3 = %d`, n, n%3), fmt.Sprintf(`UPDATE users SET name = 'legacy %d'`, n))
		d.persist(ledger.RedoShard{Of: shard.OfUsers, List: list("1", "2", "3", "4", "5", "6")})
	}
	stop()
	d.must(group.Wait())
	if len(last) < stormPosts {
		t.Errorf("the application has written %d posts", len(last))
	}
	for post, text := range last {
		d.holds(text, fmt.Sprintf(`SELECT title FROM app.posts WHERE id = %d`, post))
	}
	d.holds("6", `SELECT count(*) FROM app.users WHERE name = 'legacy 14'`)
	d.adds()
}
