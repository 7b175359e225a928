package report

import (
	"bytes"
	_ "embed" // of the page
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"
)

//go:embed page/report.gohtml
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"num": Number, "bytes": Bytes, "seconds": Duration, "meaning": Meaning, "cut": func(text string) string { return cut(text, 60) }, "utc": clockTime,
	"examples": func(keys []string) string { return strings.Join(keys, " ") },
}).Parse(pageText))

// HTML writes the report as one page that needs nothing else: no script, no other file, no host. It holds the report's JSON, too, and a digest of what it shows.
func (r *Report) HTML(w io.Writer) error {
	body, err := r.Encoded()
	if err != nil {
		return err
	}
	show := sheet{Report: r.filled(), Data: json.RawMessage(body)}
	if err := json.Unmarshal(body, &struct{ Digest, Seal *string }{&show.Report.Digest, &show.Report.Seal}); err != nil {
		return fmt.Errorf("write the report as a page: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, &show); err != nil {
		return fmt.Errorf("write the report as a page: %w", err)
	}
	before, after, _ := bytes.Cut(bytes.TrimSpace(b.Bytes()), []byte(pageOpens+pageCloses))
	told := r.told(before, after)
	for _, part := range [][]byte{before, []byte(pageOpens + told + pageCloses), after, []byte("\n")} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write the report as a page: %w", err)
		}
	}
	return nil
}

// A sheet is what the page shows.
type sheet struct {
	*Report
	Data json.RawMessage
}

// Class is how the verdict looks.
func (s *sheet) Class() string {
	switch {
	case s.Verdict == Incomplete:
		return "incomplete"
	case s.Verdict == Clean:
		return "clean"
	case s.exit == exitWrong:
		return "wrong"
	}
	return "kept"
}

// Sign and Word say the verdict without a colour.
func (s *sheet) Sign() string {
	return map[string]string{"incomplete": "…", "clean": "✓", "wrong": "✗", "kept": "!"}[s.Class()]
}

// Word is the verdict's heading.
func (s *sheet) Word() string {
	return map[string]string{"incomplete": "Not over yet", "clean": "Clean", "wrong": "Something is wrong", "kept": "Complete, with open points"}[s.Class()]
}

// Sentence says the verdict to who knows neither database.
func (s *sheet) Sentence() string {
	u, rows := s.Users, s.sumOf(func(t *Table) int64 { return t.Written })
	arrived := fmt.Sprintf("%s of %s", Number(u.Migrated), plural(u.Planned+u.Appeared, "user", "users"))
	if u.Migrated == u.Planned+u.Appeared {
		arrived = "All " + plural(u.Migrated, "user", "users")
	}
	switch s.Class() {
	case "clean":
		return fmt.Sprintf("%s arrived in the new database with %s. What was stored was read back and compared, and every sum holds: nobody and nothing was lost.",
			arrived, plural(rows, "row", "rows"))
	case "wrong":
		return fmt.Sprintf("%s arrived, but the new database is not what it should be. Do not go live with it before what is listed below is put right.", arrived)
	case "kept":
		return fmt.Sprintf("%s arrived with %s, and what was stored was read back and compared. Nothing was lost silently, but what is listed below needs a decision.",
			arrived, plural(rows, "row", "rows"))
	}
	return fmt.Sprintf("%s have arrived so far. The migration goes on where it stopped, and nothing that is done is repeated.", arrived)
}

// A tile is one number with what it counts.
type tile struct{ Number, Text string }

// Tiles are the numbers that people ask for first.
func (s *sheet) Tiles() []tile {
	kept := s.Users.Quarantined + s.Users.Pending
	return []tile{
		{Number(s.Users.Migrated), "users migrated, of " + Number(s.Users.Planned+s.Users.Appeared)},
		{Number(s.sumOf(func(t *Table) int64 { return t.Written })), "rows written and verified"},
		{Number(kept), "users not migrated yet"},
		{Duration(s.Seconds), "from start to end, " + Number(s.RowsPerSec) + " rows per second"},
	}
}

// UsersSum is the equation of the population, and UsersCheck whether it holds.
func (s *sheet) UsersSum() string { return s.Users.equation() }

// UsersCheck says whether the sum of the users holds.
func (s *sheet) UsersCheck() string {
	if n := s.Users.Unexplained(); n != 0 {
		return fmt.Sprintf("They are not: %s unexplained.", plural(n, "user is", "users are"))
	}
	return "They are."
}

// Total are the sums of several tables; nil of one.
func (s *sheet) Total() *Table {
	if len(s.Tables) < 2 {
		return nil
	}
	var sum Table
	for _, t := range s.Tables {
		sum.Source, sum.Written, sum.Gathered, sum.SetAside = sum.Source+t.Source, sum.Written+t.Written, sum.Gathered+t.Gathered, sum.SetAside+t.SetAside
		sum.Waiting, sum.LeftOut, sum.Unexplained, sum.Changed = sum.Waiting+t.Waiting, sum.LeftOut+t.LeftOut, sum.Unexplained+t.Unexplained, sum.Changed+t.Changed
	}
	return &sum
}

// Incompletely are the legacy tables of which not every row was used.
func (s *sheet) Incompletely() (some []Legacy) {
	for _, l := range s.Legacy {
		if l.LeftOut != 0 || l.Unexplained != 0 {
			some = append(some, l)
		}
	}
	return some
}

// Causes are those of the report, the worst first.
func (s *sheet) Causes() []Cause { return s.worst() }

// Target tells how constraints and sequences stand.
func (s *sheet) Target() string { return s.target() }

// Time tells when, how long and how fast.
func (s *sheet) Time() string { return s.time() }

// SourceText says what is proved about the legacy database.
func (s *sheet) SourceText() string {
	switch {
	case s.FinishedAt == nil:
		return "not known before the load has ended"
	case s.Consistency == "frozen":
		return "frozen: it is proved that nothing was written to the legacy database from the plan to the end"
	case s.Consistency == "unproved" && s.Accepted != "":
		return "not proved; accepted in the mapping, because: " + s.Accepted
	case s.Consistency == "unproved":
		return "not proved: somebody may have written to the legacy database during the run"
	}
	return s.Consistency
}

// A part is what share of their time the slots were at something.
type part struct {
	Name    string
	Percent int
}

// Parts are those of the slots' time.
func (s *sheet) Parts() (parts []part) {
	w := s.Timings.Work
	if w.sum() <= 0 {
		return nil
	}
	for _, p := range w.parts() {
		parts = append(parts, part{p.name, int(math.Round(100 * p.seconds / w.sum()))})
	}
	return parts
}

// Plot draws the throughput; nil where there is nothing to draw.
func (s *sheet) Plot() *plot { return drawn(s.Throughput) }

const plotTime = "15:04"

// clockText spells a moment below the plot: with its day where that is another one than before.
func clockText(at, before time.Time, span time.Duration) string {
	form := plotTime
	if span < 10*time.Minute {
		form = "15:04:05"
	}
	if at.YearDay() != before.YearDay() || at.Year() != before.Year() {
		form = "2 Jan " + form
	}
	return at.Format(form)
}
