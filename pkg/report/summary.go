package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A column of the table of tables is shown where a cell of it is not zero, or always.
type column struct {
	head   string
	always bool
	spell  func(int64) string
	of     func(*Table) int64
	rate   bool // has no sum
}

// tableColumns are the numbers of a table: those of its sum, and then what it took.
var tableColumns = []column{
	{head: "SOURCE", always: true, spell: Number, of: func(t *Table) int64 { return t.Source }},
	{head: "WRITTEN", always: true, spell: Number, of: func(t *Table) int64 { return t.Written }},
	{head: "GATHERED", spell: Number, of: func(t *Table) int64 { return t.Gathered }},
	{head: "SET ASIDE", spell: Number, of: func(t *Table) int64 { return t.SetAside }},
	{head: "WAITING", spell: Number, of: func(t *Table) int64 { return t.Waiting }},
	{head: "LEFT OUT", spell: Number, of: func(t *Table) int64 { return t.LeftOut }},
	{head: "UNEXPLAINED", spell: Number, of: func(t *Table) int64 { return t.Unexplained }},
	{head: "CHANGED", spell: Number, of: func(t *Table) int64 { return t.Changed }},
	{head: "BYTES", spell: Bytes, of: func(t *Table) int64 { return t.Bytes }},
	{head: "SLOT TIME", spell: spellMillis, of: func(t *Table) int64 { return int64(t.Seconds * 1000) }},
	{head: "ROWS/S", spell: Number, rate: true, of: (*Table).perSecond},
}

func spellMillis(ms int64) string { return Duration(float64(ms) / 1000) }

// perSecond is how many rows a slot that was at it has written in a second.
func (t *Table) perSecond() int64 {
	if t.Seconds <= 0 {
		return 0
	}
	return int64(float64(t.Written) / t.Seconds)
}

// verified tells whether what is stored was read back, and is what was sent.
func (t *Table) verified() string {
	if t.Expected != t.Stored {
		return "DIFFERS"
	}
	return "yes"
}

// tables shows what became of the rows of each table, and what it took: in further tables where one would be wider than so many letters.
func (r *Report) tables(b *strings.Builder, width int) {
	if len(r.Tables) == 0 {
		return
	}
	names, numbers := r.tableNames(), r.tableNumbers()
	for len(numbers) > 0 {
		n := 1
		for n < len(numbers) && widthOf(append(slices.Clone(names), numbers[:n+1]...)) <= width {
			n++
		}
		section(b, transposed(append(slices.Clone(names), numbers[:n]...)))
		numbers = numbers[n:]
	}
}

// tableNames are the columns that name the entries, each from its head to the line of sums.
func (r *Report) tableNames() [][]string {
	names := [][]string{r.tableColumn("TABLE", "total", func(t *Table) string { return short(t.Into) })}
	if r.fedTwice() {
		names = append(names, r.tableColumn("FROM", "", func(t *Table) string { return cut(t.From, 20) }))
	}
	return names
}

// tableNumbers are all others.
func (r *Report) tableNumbers() (numbers [][]string) {
	for _, c := range tableColumns {
		if !c.always && !slices.ContainsFunc(r.Tables, func(t Table) bool { return c.of(&t) != 0 }) {
			continue
		}
		sum := ""
		if !c.rate {
			sum = c.spell(r.sumOf(c.of))
		}
		numbers = append(numbers, r.tableColumn(c.head, sum, func(t *Table) string { return c.spell(c.of(t)) }))
		if c.head == "WRITTEN" {
			numbers = append(numbers, r.tableColumn("VERIFIED", "", (*Table).verified))
		}
	}
	return numbers
}

// tableColumn is one column; one table alone needs no sum.
func (r *Report) tableColumn(head, sum string, cell func(*Table) string) []string {
	cells := []string{head}
	for i := range r.Tables {
		cells = append(cells, cell(&r.Tables[i]))
	}
	if len(r.Tables) > 1 {
		cells = append(cells, sum)
	}
	return cells
}

func transposed(columns [][]string) [][]string {
	rows := make([][]string, len(columns[0]))
	for i := range rows {
		for _, c := range columns {
			rows[i] = append(rows[i], c[i])
		}
	}
	return rows
}

func (r *Report) sumOf(of func(*Table) int64) (sum int64) {
	for i := range r.Tables {
		sum += of(&r.Tables[i])
	}
	return sum
}

// widthOf is how many letters the columns take beside one another.
func widthOf(columns [][]string) int {
	width := 2 * (len(columns) - 1)
	for _, c := range columns {
		widest := 0
		for _, cell := range c {
			widest = max(widest, utf8.RuneCountInString(cell))
		}
		width += widest
	}
	return width
}

// fedTwice reports whether a table is fed by several entries, so that its name does not tell which.
func (r *Report) fedTwice() bool {
	seen := map[string]bool{}
	for _, t := range r.Tables {
		if seen[t.Into] {
			return true
		}
		seen[t.Into] = true
	}
	return false
}

// phases shows what the run has spent its time on.
func (r *Report) phases(b *strings.Builder, width int) {
	rows := [][]string{{"PHASE", "STEPS", "ROWS", "TIME", "SLOT TIME", "ROWS/S"}}
	var wall, slots float64
	for _, p := range r.Timings.Phases {
		wall, slots = wall+p.Seconds, slots+p.SlotSeconds
		moved, rate := "", ""
		if p.Rows > 0 {
			moved = Number(p.Rows)
		}
		if p.Rows > 0 && p.Seconds > 0 {
			rate = Number(int64(float64(p.Rows) / p.Seconds))
		}
		rows = append(rows, []string{p.name(), Number(p.Steps), moved, Duration(p.Seconds), Duration(p.SlotSeconds), rate})
	}
	if len(rows) > 1 {
		rows = append(rows, []string{"total", "", "", Duration(wall), Duration(slots), ""})
	}
	section(b, rows)
	if w := r.Timings.Work; w.sum() > 0 {
		writeWrapped(b, "slots were at: ", w.String(), width)
	}
}

func (p *Phase) name() string {
	if p.Wave == "" {
		return p.Phase
	}
	return p.Phase + " " + short(p.Wave)
}

func (w Work) sum() float64 { return w.Read + w.Convert + w.Copy + w.ReadBack + w.Close }

type workPart struct {
	name    string
	seconds float64
}

func (w Work) parts() []workPart {
	return []workPart{{"read", w.Read}, {"convert", w.Convert}, {"copy", w.Copy}, {"read back", w.ReadBack}, {"close", w.Close}}
}

// String tells what part of the time was spent on what.
func (w Work) String() string {
	var parts []string
	for _, p := range w.parts() {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", p.name, 100*p.seconds/w.sum()))
	}
	return strings.Join(parts, ", ") + "; " + Bytes(w.Bytes) + " copied"
}

// mostBad is how many constraints and sequences that are not right are named.
const mostBad = 20

// target tells how many constraints and sequences are right, and names those that are not.
func (r *Report) target() string {
	var bad []string
	for _, c := range r.Constraints {
		if c.State != "valid" {
			bad = append(bad, fmt.Sprintf("%s of %s is %s", c.Name, c.Table, c.State))
		}
	}
	if r.FinishedAt == nil {
		return plural(int64(len(bad)), "constraint or index", "constraints and indexes") + " off during the load"
	}
	valid, ok := len(r.Constraints)-len(bad), 0
	for _, s := range r.Sequences {
		if s.State == "ok" {
			ok++
		} else {
			bad = append(bad, s.Name+" is behind")
		}
	}
	text := fmt.Sprintf("%d of %s valid, %d of %s ok", valid, plural(int64(len(r.Constraints)), "constraint", "constraints"), ok, plural(int64(len(r.Sequences)), "sequence", "sequences"))
	for i, b := range bad {
		if i == mostBad {
			return text + fmt.Sprintf("; and %d more", len(bad)-i)
		}
		text += "; " + b
	}
	return text
}
