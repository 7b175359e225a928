package value_test

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func TestEveryDayIsReadAsTheCalendarHasIt(t *testing.T) {
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	text := []byte("0000-00-00")
	put := func(at, width, n int) {
		for i := at + width - 1; i >= at; i-- {
			text[i] = '0' + byte(n%10)
			n /= 10
		}
	}
	for year := range 10_000 {
		put(0, 4, year)
		for month := range 14 {
			put(5, 2, month)
			for day := range 33 {
				put(8, 2, day)
				at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
				want := year > 0 && at.Day() == day && at.Month() == time.Month(month)
				days, ok := value.ReadPlainDate(text)
				if ok != want || ok && days != (at.Unix()-epoch)/86400 {
					t.Fatalf("%s is day %d, %v; want %d, %v", text, days, ok, (at.Unix()-epoch)/86400, want)
				}
			}
		}
	}
}

// changed calls f with each text that differs from the given one in one byte.
func changed(text string, f func(text []byte)) {
	for at := range len(text) {
		for b := range 256 {
			changed := []byte(text)
			changed[at] = byte(b)
			f(changed)
		}
	}
}

func TestAnyByteOfATimeIsReadAsTheStagesDo(t *testing.T) {
	for _, text := range []string{"2019-12-31 23:59:59", "2001-01-01 00:00:00", "1970-10-10 12:34:56.123456"} {
		p := compile(t, datetime, wall, value.Rules{})
		changed(text, func(text []byte) {
			out, ok := p.Plain(nil, text)
			want, _, _, fault := p.Stages(nil, text)
			if ok && (fault != "" || string(out) != string(want)) {
				t.Errorf("%q became %x, want %x, fault %q", text, out, want, fault)
			}
			if !ok && fault == "" && text[10] != 'T' {
				t.Errorf("%q goes the long way", text)
			}
		})
	}
}

func TestAnyByteOfAUUIDIsReadAsTheStandardLibraryDoes(t *testing.T) {
	for _, text := range []string{"2290c634-b71f-5ad5-82dc-8667044d17d8", "2290C634B71F5AD582DC8667044D17D8", "ffffffff-FFFF-0000-9999-abcdefABCDEF"} {
		changed(text, func(text []byte) {
			digits := string(text)
			if len(text) == 36 {
				for _, at := range []int{23, 18, 13, 8} {
					if text[at] == '-' {
						digits = digits[:at] + digits[at+1:]
					}
				}
			}
			want, err := hex.DecodeString(digits)
			if id, ok := value.PlainUUID(nil, text); ok != (err == nil) || ok && string(id) != string(want) {
				t.Errorf("%q became %x, %v; want %x, %v", text, id, ok, want, err)
			}
		})
	}
}

func TestANumberWithAnyByteIsReadAsItWasWithoutTheShortWay(t *testing.T) {
	changed("-12.5e+3", func(text []byte) {
		f, ok := value.ReadFloat(text, 64)
		want, err := strconv.ParseFloat(string(text), 64)
		known := strings.Trim(string(text), "0123456789+-.eE") == ""
		if ok != (err == nil && known) || ok && f != want {
			t.Errorf("%q became %v, %v; want %v, %v", text, f, ok, want, err)
		}
	})
}

func TestTheListOfAZoneSaysWhatItsRulesSay(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Monrovia",
		"Africa/Casablanca", "Europe/Lisbon", "Antarctica/Troll", "Etc/GMT+12"} {
		t.Run(name, func(t *testing.T) {
			loc := zoneOf(name)
			steady, listed := value.Steady(value.Rules{Zone: loc}), 0
			check := func(t interface{ Fatalf(string, ...any) }, wall int64) {
				offset, known, ruled, one := steady(wall)
				if known && (!one || offset != ruled) {
					t.Fatalf("wall time %d is %d ahead, by the zone's rules %d (%v)", wall, offset, ruled, one)
				}
				if known {
					listed++
				}
			}
			const since = -946684800 // 1970, from 2000
			for wall := int64(since - 86400*400); wall < since+86400*365*70; wall += 2777 {
				check(t, wall*1e6)
			}
			if listed < 500_000 {
				t.Errorf("the list knows %d of the times", listed)
			}
			rapid.Check(t, func(t *rapid.T) { check(t, rapid.Int64Range(-63_000_000_000e6, 252_000_000_000e6).Draw(t, "wall")) })
			for at := time.Unix(0, 0).In(loc); at.Year() < 2039; {
				_, end := at.ZoneBounds()
				if end.IsZero() {
					break
				}
				for hours := -72; hours <= 72; hours++ {
					check(t, (end.Unix()-946684800+int64(hours)*1800)*1e6)
				}
				at = end
			}
		})
	}
}
