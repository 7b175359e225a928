package dashboard

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/producer"
	"rehome/pkg/report"
)

// Letters are the dead letters of a migration, as producer.DeadLetters has them.
type Letters interface {
	List(ctx context.Context, cause string) (*producer.DeadList, error)
	Show(ctx context.Context, id string) (*producer.DeadShow, error)
	Republish(ctx context.Context, which producer.Selection, force bool) (*producer.Republication, error)
	Discard(ctx context.Context, id, reason string) (*producer.DiscardedShard, error)
}

// Config is what a Dashboard works with. Ledger, Log, Access, Letters and Explain are required.
type Config struct {
	Ledger   *ledger.Ledger
	Version  string // of rehome
	Log      *slog.Logger
	Access   Access
	TraceURL string // of a trace's page, with {trace_id} in it; empty where there is none
	Legacy   bool   // Letters can ask the legacy database

	// Letters returns the dead letters of a migration for somebody who decides about them; by says who.
	Letters func(migration, by string) Letters
	// Explain tells a user's story. What is no key makes an error that wraps aggregator.ErrKey.
	Explain func(ctx context.Context, migration, user string) (*aggregator.Explanation, error)
}

// A Dashboard serves the pages and the API. Run has to run while it serves.
type Dashboard struct {
	config   Config
	guard    *guard
	assets   map[string]asset
	sessions *sessions

	crowd   crowd         // who looks
	closing chan struct{} // closed when Run ends

	asking  chan struct{} // holds one while somebody looks at the ledger; before mu
	eyes    *eyes         // nil until Follow; for who looks
	verdict verdict

	mu      sync.Mutex
	name    string // of the migration; empty until Follow
	past    past
	current current
	changed chan struct{} // closed, and replaced, when current is another
}

// current is what who looks sees.
type current struct {
	Sight
	seen    int    // grows with each look
	trouble string // why the last look was in vain; empty where it was not
	actions Actions
	drawing *drawing // nil until the first
}

// New returns a dashboard that knows no migration yet: until Follow the API answers 503.
func New(config Config) (*Dashboard, error) {
	if err := config.Access.check(); err != nil {
		return nil, err
	}
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	return &Dashboard{
		config: config, guard: newGuard(config.Access), assets: files, sessions: newSessions(config.Access.Token),
		crowd: crowd{come: make(chan struct{}, 1)}, closing: make(chan struct{}), changed: make(chan struct{}), asking: make(chan struct{}, 1),
	}, nil
}

// Follow tells which migration is shown. Call it once.
func (d *Dashboard) Follow(migration string) {
	d.asking <- struct{}{}
	defer func() { <-d.asking }()
	d.eyes = newEyes(d.config.Ledger, migration)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name = migration
}

// Observe takes in how far the migration has come, for rates and their history. Whoever collects receipts calls it all the time, so that these are known when somebody comes to
// look; where nobody ever calls it, they begin with the first who looks.
func (d *Dashboard) Observe(p report.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.past.told = true
	d.past.add(time.Now(), p)
}

func (d *Dashboard) migration() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.name
}

// Handler returns what answers requests.
func (d *Dashboard) Handler() http.Handler {
	mux := http.NewServeMux()
	d.routes(mux)
	return d.guard.handler(mux)
}
