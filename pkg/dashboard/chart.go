package dashboard

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"rehome/pkg/ledger"
)

const (
	mostChanges = 5000 // of one version; where there are more, a client asks for the whole map, which is packed
	keptChanges = 64   // versions whose changes are kept for clients that are behind
	behindWaves = 255  // the byte of a wave that comes behind those of the mapping
)

// A ShardMap is how all shards stand: one byte for each ordinal, the first being that of shard 0.
type ShardMap struct {
	Epoch   string   `json:"epoch"` // of the versions: another plan, or another process, begins another one
	Version int      `json:"version"`
	First   int      `json:"first"`      // ordinal of the first byte, which is 0
	States  []byte   `json:"states"`     // in base64: 0 absent, 1 planned, 2 working, 3 done, 4 done with somebody quarantined, 5 dead, 6 discarded, 7 split
	Waves   []byte   `json:"waves"`      // in base64: places in WaveNames, 255 for what comes behind all waves
	Names   []string `json:"wave_names"` // of the mapping
}

// A ShardChange is an ordinal with its bytes of State and Wave.
type ShardChange [3]int

// ShardChanges are what has changed since the version before.
type ShardChanges struct {
	Epoch   string        `json:"epoch"`
	Version int           `json:"version"`
	Changes []ShardChange `json:"changes"`
}

// A chart is the newest shard map, with how it came to be.
type chart struct {
	process string // tells the versions of this process from those of others
	drawn   time.Time
	cost    time.Duration
}

func newChart() chart { return chart{process: rand.Text()[:8]} }

// A drawing is a chart as it is shown. It is not changed any more, but for its packed form.
type drawing struct {
	ShardMap
	changes []ShardChanges // the newest versions, in their order
	deaths  int64          // is another when a shard has died, or is dead no more
	packed  []byte         // as JSON, by gzip; nil until somebody asks
}

// draw looks at all shards, unless that was done a moment ago: more seldom, the longer it takes.
func (d *Dashboard) draw(ctx context.Context) error {
	return d.ask(ctx, func(ctx context.Context, e *eyes) error {
		if time.Since(e.chart.drawn) < max(lookEvery/2, share*e.chart.cost) {
			return nil
		}
		began := time.Now()
		found, err := e.ledger.ShardMap(ctx, e.name)
		if err != nil {
			return err
		}
		e.chart.cost, e.chart.drawn = time.Since(began), time.Now()
		d.mu.Lock()
		defer d.mu.Unlock()
		if next := d.current.drawing.next(found, e.chart.process, e.waves); next != nil {
			d.current.drawing = next
			d.tell()
		}
		return nil
	})
}

// next returns the drawing that follows, or nil where nothing has changed. The first of an epoch has version 1.
func (old *drawing) next(found *ledger.ShardMap, process string, waves []string) *drawing {
	next := &drawing{ShardMap: ShardMap{
		Epoch: found.Run + "." + process, Version: 1, States: make([]byte, len(found.Marks)), Waves: make([]byte, len(found.Marks)), Names: append([]string{}, waves...),
	}, deaths: found.Deaths}
	for i, mark := range found.Marks {
		next.States[i] = byte(mark)
		if next.Waves[i] = behindWaves; int(found.Waves[i]) < min(len(waves), behindWaves) {
			next.Waves[i] = byte(found.Waves[i])
		}
	}
	if old == nil || old.Epoch != next.Epoch || len(next.States) < len(old.States) {
		if old != nil && old.Epoch == next.Epoch { // shards are gone: none of the changes tells that
			next.Version = old.Version + 2
		}
		return next
	}
	changes := old.against(next)
	if len(changes) == 0 && next.deaths == old.deaths {
		return nil
	}
	next.Version, next.changes = old.Version, old.changes
	switch {
	case len(changes) > mostChanges:
		next.Version, next.changes = old.Version+2, nil // nobody has the version between the two
	case len(changes) > 0:
		next.Version++
		kept := old.changes[max(0, len(old.changes)-keptChanges+1):]
		next.changes = append(append([]ShardChanges{}, kept...), ShardChanges{Epoch: next.Epoch, Version: next.Version, Changes: changes})
	}
	return next
}

// against lists what has changed.
func (old *drawing) against(next *drawing) (changes []ShardChange) {
	for i, state := range next.States {
		if i < len(old.States) && old.States[i] == state && old.Waves[i] == next.Waves[i] || i >= len(old.States) && state == 0 {
			continue
		}
		changes = append(changes, ShardChange{i, int(state), int(next.Waves[i])})
	}
	return changes
}

// behind returns the changes behind a version; the newest alone where some before it are not known any more, so that the client sees the gap.
func (old *drawing) behind(version int) []ShardChanges {
	if version == old.Version {
		return nil
	}
	for i, c := range old.changes {
		if c.Version == version+1 {
			return old.changes[i:]
		}
	}
	return []ShardChanges{{Epoch: old.Epoch, Version: old.Version, Changes: []ShardChange{}}}
}

func (d *Dashboard) shardMap(w http.ResponseWriter, r *http.Request) {
	err := d.look(r.Context(), lookEvery)
	if err == nil {
		err = d.draw(r.Context())
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	d.crowd.visit()
	d.mu.Lock()
	g := d.current.drawing
	if g.packed == nil {
		text, err := json.Marshal(g.ShardMap)
		if err != nil {
			d.mu.Unlock()
			fail(w, r, fmt.Errorf("write the shard map: %w", err))
			return
		}
		g.packed = zip(text)
	}
	packed := g.packed
	d.mu.Unlock()
	w.Header().Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		send(w, http.StatusOK, packed)
		return
	}
	text, err := unzip(packed)
	if err != nil {
		fail(w, r, err)
		return
	}
	send(w, http.StatusOK, text)
}
