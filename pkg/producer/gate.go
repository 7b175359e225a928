package producer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// gated reports whether the wave has a gate: all of the mapping's waves have but the last, behind which nothing waits for a verdict.
func gated(file *mapping.File, wave int) bool { return wave < len(file.Waves)-1 }

func (p *Producer) waveName(wave int) string { return p.File.Waves[wave].Name.Text }

// mayPass refuses to pass a gate that nobody has found closed: what stands behind it is not known before.
func (r *Run) mayPass(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	gates, err := r.ledger.Gates(ctx, r.m.Name)
	if err != nil {
		return err
	}
	wave := r.wave(name)
	if !slices.ContainsFunc(gates, func(g ledger.Gate) bool { return g.Wave == wave }) {
		return openGate(name)
	}
	return nil
}

func openGate(name string) error {
	return refuse("the gate of wave %s is open: nobody has judged it yet, so that nobody knows what --pass would let pass; start without it", name)
}

// pass returns nil when what stands behind the wave, of which nothing is left to do, may be published. The error is a *Stopped where its gate
// is closed.
func (l *looker) pass(ctx context.Context, wave int) error {
	if !gated(l.File, wave) {
		return nil
	}
	gate, err := l.gate(ctx, wave)
	if err != nil || gate.Passed {
		return err
	}
	return &Stopped{fmt.Sprintf("the gate of wave %s is closed: %s; nothing of wave %s is published. %s", l.waveName(wave), strings.Join(gate.Reasons, "; "),
		l.waveName(wave+1), l.remedy(gate))}
}

// through ends the run behind a wave of which nothing is left to do, and tells how its gate stands.
func (l *looker) through(ctx context.Context, wave int) error {
	done := fmt.Sprintf("wave %s is done, as --through says", l.waveName(wave))
	if !gated(l.File, wave) {
		return &Stopped{done + "; the next run goes on behind it"}
	}
	gate, err := l.gate(ctx, wave)
	switch {
	case err != nil:
		return err
	case gate.Passed:
		return &Stopped{done + "; the next run goes on behind it, as its gate has passed"}
	}
	return &Stopped{fmt.Sprintf("%s, and its gate is closed: %s. %s", done, strings.Join(gate.Reasons, "; "), l.remedy(gate))}
}

// gate returns how the gate of a wave stands, of which nothing is left to do. One that has passed stays so; any other is judged now.
func (l *looker) gate(ctx context.Context, wave int) (*judged, error) {
	gates, err := l.ledger.Gates(ctx, l.m.Name)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(gates, func(g ledger.Gate) bool { return g.Wave == wave })
	if at >= 0 && gates[at].Passed {
		return &judged{Gate: gates[at]}, nil
	}
	if err := l.mended(ctx, wave); err != nil {
		return nil, err
	}
	gate, err := l.judge(ctx, wave)
	if err != nil {
		return nil, err
	}
	if !gate.Passed && l.options.Pass == l.waveName(wave) {
		gate.Passed, gate.Overridden, gate.By = true, true, l.options.By
		l.Log.WarnContext(ctx, "a gate that is closed is passed all the same, as --pass says", "migration", l.m.Name, "wave", l.waveName(wave),
			"reasons", gate.Reasons, "by", gate.By)
	}
	pausepoint.At("gate_judged")
	if at < 0 || !same(gate.Gate, gates[at]) {
		err = l.ledger.SetGate(ctx, l.m.Name, gate.Gate)
	}
	pausepoint.At("gate_set")
	return gate, err
}

// A judged gate is one of which it is known how it stands.
type judged struct {
	ledger.Gate
	dead int // shards of its wave
}

// same reports whether two judgements say the same.
func same(a, b ledger.Gate) bool {
	return a.Passed == b.Passed && a.Overridden == b.Overridden && slices.Equal(a.Reasons, b.Reasons)
}

// mended has those done again who are to be: a gate is not to be judged by what an earlier mapping has kept out, for which the one of now has an
// outcome.
func (l *looker) mended(ctx context.Context, wave int) error {
	if l.planned.Redo == nil {
		return nil
	}
	// A shard that somebody works on by the earlier mapping is to be looked at when it has ended, too: then all of it is kept in mind.
	if err := l.remap(ctx); err != nil {
		return err
	}
	shards, err := l.Run.redo(ctx, wave, l.behind == 0)
	if err != nil {
		return err
	}
	if shards > 0 {
		if err := l.wait(ctx, wave); err != nil {
			return err
		}
	}
	return l.spare(ctx)
}

// judge judges a gate by what the ledger holds of its wave. Where something behind the wave was begun, as by a release that knew no gates, it is too late.
func (l *looker) judge(ctx context.Context, wave int) (*judged, error) {
	waves, err := l.ledger.Progress(ctx, l.m.Name)
	if err != nil {
		return nil, err
	}
	gate := &judged{Gate: ledger.Gate{Wave: wave}}
	of := ledger.Wave{Wave: wave}
	for _, w := range waves {
		if w.Wave == wave {
			of = w
		}
		if w.Wave > wave && w.Working+w.Done+w.Dead+w.Discarded+w.Split > 0 {
			gate.Passed = true
			return gate, nil
		}
	}
	sums, err := l.ledger.WaveSums(ctx, l.m.Name, wave)
	if err != nil {
		return nil, err
	}
	gate.Reasons = closedFor(l.File, of, sums)
	gate.Passed, gate.dead = len(gate.Reasons) == 0, of.Dead
	return gate, nil
}

// closedFor returns why the gate of a wave is closed, of which nothing is left to do; nothing where it passes.
func closedFor(file *mapping.File, w ledger.Wave, sums []shard.Table) (reasons []string) {
	if w.Dead > 0 {
		reasons = append(reasons, report.Number(int64(w.Dead))+" of its shards "+isAre(int64(w.Dead))+" dead")
	}
	var unexplained int64
	differs := false
	for _, t := range sums {
		unexplained += max(t.Unexplained(), -t.Unexplained())
		differs = differs || t.Read != t.Source || t.Expected != t.Stored
	}
	if unexplained > 0 {
		reasons = append(reasons, report.Number(unexplained)+" of its rows "+isAre(unexplained)+" unexplained")
	}
	if differs {
		reasons = append(reasons, "what of it is stored is not what was read")
	}
	limit, least := file.Stop.Quarantined, int64(triedAtLeast)
	if g := file.Waves[w.Wave].Gate; g != nil {
		limit, least = g.Quarantined, 0
	}
	tried := w.Migrated + w.Quarantined
	if tried >= least && 100*float64(w.Quarantined) > limit*float64(tried) {
		reasons = append(reasons, fmt.Sprintf("%s of %s users tried %s quarantined, more than the %g%% that it allows", report.Number(w.Quarantined),
			report.Number(tried), isAre(w.Quarantined), limit))
	}
	return reasons
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// remedy says what to do about a gate that is closed.
func (l *looker) remedy(gate *judged) string {
	const dead = "producer dead list tells why shards are dead, and producer dead republish and discard settle them"
	what := "Look at the causes in aggregator report, and mend the mapping, or raise the gate's limit"
	switch {
	case gate.dead > 0 && len(gate.Reasons) == 1:
		what = dead
	case gate.dead > 0:
		what += "; " + dead
	}
	return fmt.Sprintf("%s. Then start producer run again, which judges the gate anew; producer run --pass %s goes on all the same", what, l.waveName(gate.Wave))
}
