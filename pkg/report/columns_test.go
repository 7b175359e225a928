package report

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNumber(t *testing.T) {
	for want, n := range map[string]int64{
		"0": 0, "7": 7, "999": 999, "1,000": 1000, "12,345": 12345, "123,456": 123456, "1,234,567": 1234567, "-1": -1, "-999": -999, "-1,000": -1000,
		"9,223,372,036,854,775,807": math.MaxInt64, "-9,223,372,036,854,775,808": math.MinInt64,
	} {
		if got := Number(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, test := range []struct {
		seconds float64
		want    string
	}{
		{0, "0.0s"}, {-5, "0.0s"}, {0.04, "0.0s"}, {4.24, "4.2s"}, {59.94, "59.9s"}, {59.96, "1m00s"}, {60, "1m00s"}, {185, "3m05s"}, {3599.4, "59m59s"},
		{3599.6, "1h00m"}, {7440, "2h04m"}, {86400, "24h00m"}, {172_800, "2d00h"}, {273_600, "3d04h"}, {1e300, "99d00h"}, {math.Inf(1), "99d00h"},
	} {
		if got := Duration(test.seconds); got != test.want {
			t.Errorf("%v seconds: got %s, want %s", test.seconds, got, test.want)
		}
	}
}

func TestColumns(t *testing.T) {
	t.Run("numbers stand to the right, texts to the left, and no line ends in blanks", func(t *testing.T) {
		var b strings.Builder
		Columns(&b, [][]string{
			{"NAME", "ROWS", "MIXED", "NOTE"},
			{"Jürgen", "1,000", "12", ""},
			{"x", "-7", "n/a", "late"},
			{"a longer name", "", "3", ""},
		})
		want := "NAME            ROWS  MIXED  NOTE\n" +
			"Jürgen         1,000  12\n" +
			"x                 -7  n/a    late\n" +
			"a longer name         3\n"
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a head alone is written", func(t *testing.T) {
		var b strings.Builder
		Columns(&b, [][]string{{"NAME", "ROWS"}})
		if b.String() != "NAME  ROWS\n" {
			t.Errorf("got %q", b.String())
		}
	})
	t.Run("no cell is lost, whatever it holds", rapid.MakeCheck(func(t *rapid.T) {
		cell := rapid.StringMatching(`[a-zäöü0-9,]{1,12}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 8).Draw(t, "rows")
		var b strings.Builder
		Columns(&b, rows)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		for i, row := range rows {
			if diff := cmp.Diff(row, strings.Fields(lines[i])); diff != "" {
				t.Fatal(diff)
			}
		}
	}))
}
