package preflight

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// width is how many columns the text form takes.
const width = 100

// JSON writes the result for scripts, which may rely on its keys.
func (r *Result) JSON(w io.Writer) error {
	out := *r
	if out.Findings == nil {
		out.Findings = []Finding{}
	}
	if out.NotChecked == nil {
		out.NotChecked = []string{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("write what was found: %w", err)
	}
	return nil
}

// Text writes the result for a person: the findings, the worst first, each after its place in the file, then what was looked at.
func (r *Result) Text(w io.Writer) error {
	var b strings.Builder
	for _, s := range severities {
		if n := r.count(s); n > 0 {
			fmt.Fprintf(&b, "%s\n", heading(s, n))
		}
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Severity == s {
				f.text(&b)
			}
		}
	}
	if len(r.NotChecked) > 0 {
		b.WriteString("NOT CHECKED\n")
		for _, what := range r.NotChecked {
			wrapped(&b, "  - ", "    ", what)
		}
		b.WriteByte('\n')
	}
	r.sum(&b)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write what was found: %w", err)
	}
	return nil
}

func heading(s Severity, n int) string {
	if s == Information {
		return "INFORMATION"
	}
	return strings.ToUpper(fmt.Sprintf("%d %s", n, plural(int64(n), string(s), string(s)+"s")))
}

// text writes a finding: place and cause, what it is, values, keys, and what to write.
func (f *Finding) text(b *strings.Builder) {
	switch head := f.position(); {
	case f.Cause != "":
		fmt.Fprintf(b, "  %s\n", strings.TrimSpace(head+" "+f.Cause))
		wrapped(b, "    ", "    ", f.Message)
	case head == "":
		wrapped(b, "  - ", "    ", f.Message)
	case f.Path != "":
		wrapped(b, "  ", "    ", head+" "+f.Path+": "+f.Message)
	default:
		wrapped(b, "  ", "    ", head+" "+f.Message)
	}
	if len(f.Values) > 0 {
		wrapped(b, "    values       ", "                 ", strings.Join(f.values(), ", "))
	}
	if len(f.Samples) > 0 {
		keys := make([]string, len(f.Samples))
		for i, key := range f.Samples {
			keys[i] = keysShown(key)
		}
		wrapped(b, "    for example  ", "                 ", f.Table+" "+strings.Join(keys, ", "))
	}
	if f.Fix != "" {
		wrapped(b, "    fix          ", "                 ", f.Fix)
	}
	b.WriteByte('\n')
}

// values are the values with their counts, as many of them as make a line or two.
func (f *Finding) values() (all []string) {
	length := 0
	for _, v := range f.Values {
		text := fmt.Sprintf("%s (%s)", shown(v.Value), number(v.Rows))
		if length += len(text); length > 2*width && all != nil {
			return append(all, "…")
		}
		all = append(all, text)
	}
	return all
}

func keysShown(sample string) string {
	keys := strings.Split(sample, " = ")
	for i, key := range keys {
		parts := strings.Split(key, "/")
		for j, part := range parts {
			parts[j] = shown(part)
		}
		keys[i] = strings.Join(parts, "/")
	}
	return strings.Join(keys, " = ")
}

// position is FILE:LINE:COL:, for editors to jump to, as far as it is known.
func (f *Finding) position() string {
	switch {
	case f.Line > 0:
		return fmt.Sprintf("%s:%d:%d:", f.File, f.Line, f.Column)
	case f.File != "":
		return f.File + ":"
	}
	return ""
}

// sum says what was looked at, and what that comes to.
func (r *Result) sum(b *strings.Builder) {
	if !r.Compiles {
		fmt.Fprintf(b, "%s: the mapping does not fit the databases, so that the data was not looked at; nothing was changed\n", r.Migration)
		return
	}
	users := number(r.LookedAt.Users) + " " + plural(r.LookedAt.Users, "user", "users")
	if r.LookedAt.Full {
		users = "all " + users
	} else {
		users = number(r.LookedAt.Users) + " of " + number(r.LookedAt.AllUsers) + " users"
	}
	fmt.Fprintf(b, "%s: looked at %s, %s %s", r.Migration, users, number(r.LookedAt.Rows), plural(r.LookedAt.Rows, "row", "rows"))
	if !r.LookedAt.Full {
		b.WriteString(" (--full looks at all)")
	}
	b.WriteByte('\n')
	switch n := r.Problems(); {
	case n > 0:
		fmt.Fprintf(b, "%d %s unhandled; nothing was changed\n", n, plural(int64(n), "problem is", "problems are"))
	case r.LookedAt.Full:
		b.WriteString("the mapping fits both databases, and nothing is unhandled\n")
	default:
		b.WriteString("the mapping fits both databases, and nothing was found in the sample\n")
	}
}

// wrapped writes a text in lines of at most width columns, the first after one prefix, the others after another.
func wrapped(b *strings.Builder, first, other, text string) {
	prefix, at := first, utf8.RuneCountInString(first)
	b.WriteString(prefix)
	start := true
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if !start && at+1+n > width {
			b.WriteString("\n" + other)
			at, start = utf8.RuneCountInString(other), true
		}
		if !start {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at, start = at+n, false
	}
	b.WriteByte('\n')
}
