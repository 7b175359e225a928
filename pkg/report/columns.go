package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Columns writes rows, the first of which is the head, as aligned columns: to the right those in which each cell below the head is
// a number, with its unit if it has one, or empty.
func Columns(b *strings.Builder, rows [][]string) {
	widths, numeric := make([]int, len(rows[0])), make([]bool, len(rows[0]))
	for i := range widths {
		for n, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			numeric[i] = n > 0 && (n == 1 || numeric[i]) && isNumber(row[i])
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if numeric[i] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// quantity is a number as Number, Duration and Bytes spell it.
var quantity = regexp.MustCompile(`^(-?[0-9,]*(\.[0-9]+)?( ([KMGTPE]i)?B|s|[mhd][0-9]{2}[smh])?)?$`)

func isNumber(cell string) bool { return quantity.MatchString(cell) }

// Number spells a count with commas between its thousands.
func Number(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// longest is what Duration spells at most: an estimate of more says no more.
const longest = 99 * 24 * 3600

// Duration spells seconds as a person would: 4.2s, 3m05s, 2h04m, 3d04h, and never more than 99 days.
func Duration(seconds float64) string {
	seconds = max(0, min(seconds, longest))
	switch s := int64(seconds + 0.5); {
	case seconds < 59.95:
		return strconv.FormatFloat(seconds, 'f', 1, 64) + "s"
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
	}
}

// Bytes spells a number of bytes: 17 B, 3.4 KiB, 120 GiB.
func Bytes(n int64) string {
	if n < 1024 {
		return Number(n) + " B"
	}
	size, unit := float64(n)/1024, 0
	for size >= 1023.5 && unit < 5 {
		size, unit = size/1024, unit+1
	}
	digits := 1
	if size >= 99.95 {
		digits = 0
	}
	return strconv.FormatFloat(size, 'f', digits, 64) + " " + string("KMGTPE"[unit]) + "iB"
}
