package worker

import (
	"context"
	"fmt"
	"sync"

	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A fitted is a compiled mapping with the target's catalog that it was compiled against, and the legacy tables that it reads.
type fitted struct {
	*mapping.Compiled
	target *mapping.TargetCatalog
	read   []string
}

// mappings compiles each mapping that a task names once.
type mappings struct {
	mu    sync.Mutex
	known map[[3]string]fitted // by run, the mapping's hash and the schemas' fingerprint
}

// mapping returns the compiled mapping that a task was planned with. The error wraps ledger.ErrNotFound where the task is of a plan that the
// ledger does not hold, and is one that SchemaChanged knows where the legacy schema is not the planned one any more.
func (w *Worker) mapping(ctx context.Context, task shard.Task) (fitted, error) {
	w.mappings.mu.Lock()
	defer w.mappings.mu.Unlock()
	key := [3]string{task.Run, task.Mapping, task.Schema}
	if f, there := w.mappings.known[key]; there {
		return f, nil
	}
	m, err := w.Ledger.Load(ctx, task.Migration)
	if err != nil {
		return fitted{}, err
	}
	if m.Run != task.Run {
		return fitted{}, fmt.Errorf("look for run %s of migration %s: %w", task.Run, task.Migration, ledger.ErrNotFound)
	}
	canonical, err := w.Ledger.Mapping(ctx, task.Mapping)
	if err != nil {
		return fitted{}, err
	}
	m.Fingerprint = task.Schema // of this mapping, which need not be the one that the migration goes by now
	f, err := compile(ctx, w.Legacy, canonical, m)
	if err != nil {
		return fitted{}, err
	}
	if w.mappings.known == nil {
		w.mappings.known = map[[3]string]fitted{}
	}
	w.mappings.known[key] = f
	return f, nil
}

// unchanged looks once more whether the legacy schema is the planned one: a column that was changed in mid-run may read without an error.
func (w *Worker) unchanged(ctx context.Context, f fitted) error {
	catalog, err := w.Legacy.CatalogOf(ctx, f.read)
	if err != nil {
		return err
	}
	if mapping.Fingerprint(f.Compiled, catalog, f.target) != f.Fingerprint {
		return shard.Fail(shard.Schema, "", errSchemaChanged)
	}
	return nil
}
