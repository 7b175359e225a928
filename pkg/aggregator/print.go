package aggregator

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"rehome/pkg/report"
)

// narrowest is how many letters a line of a text has room for at least.
const narrowest = 60

// Print writes the report in the given form, as text in the lines of the terminal where out is one, with who has made it and by which command.
func Print(out io.Writer, r *report.Report, format, by, command string) error {
	r.Made = &report.Made{At: time.Now().UTC().Format(time.RFC3339), By: by, Command: command + " --format " + format}
	if file, ok := out.(*os.File); ok && format == "text" && term.IsTerminal(int(file.Fd())) {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return r.TextFor(out, max(width, narrowest))
		}
	}
	return r.Write(out, format)
}
