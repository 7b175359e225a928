package aggregator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/report"
)

// A Verification is what became of a report that was to be proved. Each of its lists is empty where nothing is wrong.
type Verification struct {
	Proof   *report.Proof
	Asked   bool     // the ledger was; else it is not known what it says
	Looked  bool     // at the seal, which the ledger of the same run alone can tell
	Seal    []string // what is wrong with the seal
	Differs []string // what the ledger says otherwise by now, each with its key
}

// Verify proves a report by its digests, and, where the ledger is not nil, by its seal and by what the ledger says now. A name that is not empty is that of the migration that
// the report has to be of.
func Verify(ctx context.Context, l *ledger.Ledger, p *report.Proof, name, version string) (*Verification, error) {
	v := &Verification{Proof: p}
	if name != "" && name != p.Migration {
		v.Differs = append(v.Differs, fmt.Sprintf("migration: %q in the file, and %q is asked for", p.Migration, name))
	}
	if l == nil {
		return v, nil
	}
	v.Asked = true
	m, err := l.Load(ctx, p.Migration)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		v.Differs = append(v.Differs, fmt.Sprintf("migration: the ledger has no %q: it was reset, or TARGET_DSN leads to another target", p.Migration))
		return v, nil
	case err != nil:
		return nil, err
	case m.Run != p.Run:
		v.Differs = append(v.Differs, fmt.Sprintf("run: %q in the file, %q by now: the migration was planned anew since, or TARGET_DSN leads to another target", p.Run, m.Run))
		return v, nil
	}
	if v.Looked = true; !p.Sealed(m.SealKey()) {
		v.Seal = append(v.Seal, "seal: it was not made by this ledger: somebody else has made the report, or has changed it and its digest")
	}
	now, err := Report(ctx, l, p.Migration, version)
	if err != nil {
		return nil, err
	}
	differs, err := p.Differences(now)
	v.Differs = append(v.Differs, differs...)
	return v, err
}

// Holds reports whether nothing is wrong.
func (v *Verification) Holds() bool { return len(v.Proof.Wrong)+len(v.Seal)+len(v.Differs) == 0 }

// Text writes it for a person.
func (v *Verification) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "report of migration %s, run %s", v.Proof.Migration, v.Proof.Run)
	if made := v.Proof.Made; made != nil {
		fmt.Fprintf(&b, ", made %s by %s: %s", made.At, made.By, made.Command)
	}
	b.WriteByte('\n')
	line := func(name string, wrong []string, right string) {
		if len(wrong) == 0 {
			fmt.Fprintf(&b, "%-7s %s\n", name, right)
			return
		}
		fmt.Fprintf(&b, "%-7s DIFFERS\n", name)
		for _, what := range wrong {
			fmt.Fprintf(&b, "  - %s\n", what)
		}
	}
	line("digest", v.Proof.Wrong, "intact: "+v.Proof.Digest)
	const notGiven = "TARGET_DSN is not given"
	switch {
	case v.Looked && len(v.Proof.Wrong) > 0:
		line("seal", v.Seal, "made by this ledger, for what the file held before it was changed")
	case v.Looked:
		line("seal", v.Seal, "made by this ledger")
	case v.Asked:
		line("seal", nil, "not known: the ledger has no such run")
	default:
		line("seal", nil, "not looked at: "+notGiven)
	}
	if v.Asked {
		line("ledger", v.Differs, "says the same by now")
	} else {
		line("ledger", v.Differs, "not asked: "+notGiven)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
