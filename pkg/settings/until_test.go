package settings_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome/pkg/settings"
)

func TestUntil(t *testing.T) {
	for _, tt := range []struct{ name, now, text, want string }{
		{"later the same day", "2026-11-22T22:00:00Z", "23:30@UTC", "2026-11-22T23:30:00Z"},
		{"the next day, by the zone's clocks", "2026-11-22T22:00:00Z", "06:00@Europe/Berlin", "2026-11-23T05:00:00Z"},
		{"the same day in a zone where it is another day", "2026-11-22T22:00:00Z", "11:30@Pacific/Auckland", "2026-11-22T22:30:00Z"},
		{"that very moment is the next day's", "2026-11-22T06:00:00Z", "06:00@UTC", "2026-11-23T06:00:00Z"},
		{"seconds", "2026-11-22T05:59:58Z", "05:59:59@UTC", "2026-11-22T05:59:59Z"},
		{"a date", "2026-11-22T05:00:00Z", "2026-11-24T06:00@Europe/Berlin", "2026-11-24T05:00:00Z"},
		{"the end of a month", "2026-11-30T22:00:00Z", "06:00@UTC", "2026-12-01T06:00:00Z"},
		{"a time that clocks jump over is the moment behind the jump", "2026-03-28T22:00:00Z", "02:30@Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"the first time that clocks jump over", "2026-03-28T22:00:00Z", "02:00@Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"a time that clocks show twice is the first", "2026-10-24T22:00:00Z", "02:30@Europe/Berlin", "2026-10-25T00:30:00Z"},
		{"between the two the first is over", "2026-10-25T01:00:00Z", "02:30@Europe/Berlin", "2026-10-26T01:30:00Z"},
		{"a jump by half an hour", "2026-10-03T12:00:00Z", "02:10@Australia/Lord_Howe", "2026-10-03T15:30:00Z"},
		{"a jump at midnight", "2026-09-05T12:00:00Z", "00:30@America/Santiago", "2026-09-06T04:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := settings.ParseUntil(tt.text, now)
			if err != nil {
				t.Fatal(err)
			}
			if at := got.At.UTC().Format(time.RFC3339); at != tt.want {
				t.Errorf("got %s, want %s", at, tt.want)
			}
		})
	}

	t.Run("it is said with its zone", func(t *testing.T) {
		got, err := settings.ParseUntil("2026-11-23T06:00@Europe/Berlin", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
		if err != nil || got.Text != "2026-11-23 06:00 Europe/Berlin" || got.IsZero() || !(settings.Until{}).IsZero() {
			t.Errorf("got %q, %v", got.Text, err)
		}
	})

	now := time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"06:00":                         "does not say in which zone; write 06:00@Europe/Berlin",
		"06:00@":                        "does not say in which zone",
		"2026-11-23T06:00":              "whose 06:00 is meant",
		"6am@UTC":                       `"6am@UTC" is no time of day; write it as HH:MM@ZONE`,
		"6:00@UTC":                      "is no time of day",
		"":                              "is no time of day",
		"24:00@UTC":                     "00:00:00 to 23:59:59",
		"12:60@UTC":                     "00:00:00 to 23:59:59",
		"06:00@Europe/Berlln":           `time zone "Europe/Berlln" is not known`,
		"06:00@Local":                   `time zone "Local" is not known`,
		"06:00@../../etc/passwd":        "is not known",
		"2026-11-22T06:00@UTC":          "is over since 16h0m0s",
		"2026-02-30T06:00@UTC":          "2026-02-30 is no date",
		"2027-11-23T06:00@UTC":          "is 365 days away, and a run may take 31",
		"postgres://user:" + canary:     "the value is no time of day",
		"06:00@postgres://u:" + canary:  "time zone the value is not known",
		strings.Repeat("6", 50) + ":00": "the value is no time of day",
	} {
		t.Run("it is refused as "+text, func(t *testing.T) {
			_, err := settings.ParseUntil(text, now)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
				t.Errorf("error is %v, want one with %q", err, want)
			}
		})
	}

	t.Run("a flag is read, and what is wrong with it exits with 2", func(t *testing.T) {
		s := settings.New(settings.UntilTime, settings.PassGate)
		if err := load(t, s, nil, "--until", "06:00@UTC", "--pass", "casual"); err != nil || s.Pass != "casual" || s.Until.Text != "06:00 UTC" {
			t.Errorf("got %+v, %q, %v", s.Until, s.Pass, err)
		}
		if left := time.Until(s.Until.At); left <= 0 || left > 24*time.Hour {
			t.Errorf("06:00 is %s away", left)
		}
		for _, text := range []string{"06:00", ""} {
			err := load(t, settings.New(settings.UntilTime), nil, "--until", text)
			if settings.ExitCode(err) != settings.ExitSettings || !strings.Contains(err.Error(), "--until") {
				t.Errorf("%q: got %v", text, err)
			}
		}
	})
}

// wall is what clocks show.
func wall(at time.Time) string { return at.Format("2006-01-02T15:04") }

func TestUntilIsTheFirstMomentThatClocksShowIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca"}).Draw(t, "zone")
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		minutes := rapid.IntRange(0, 2*366*24*60).Draw(t, "minutes")
		// Days on which clocks are set are rare, and looked for.
		if _, end := time.Date(2025, 1, 1, 0, minutes, 0, 0, loc).ZoneBounds(); !end.IsZero() && rapid.Bool().Draw(t, "near") {
			minutes = int(end.Sub(time.Date(2025, 1, 1, 0, 0, 0, 0, loc)).Minutes()) - rapid.IntRange(-180, 1440).Draw(t, "before")
		}
		now := time.Date(2025, 1, 1, 0, minutes, 0, 0, loc)
		clock := time.Date(0, 1, 1, 0, rapid.IntRange(0, 1439).Draw(t, "clock"), 0, 0, time.UTC).Format("15:04")
		got, err := settings.ParseUntil(clock+"@"+name, now)
		if err != nil {
			t.Fatal(err)
		}
		// The first minute after now that shows the time of some day, or has jumped over it, unless that day's was shown before.
		seen := map[string]bool{}
		for at := now.Add(-36 * time.Hour); ; at = at.Add(time.Minute) {
			wanted := wall(at)[:11] + clock
			if wall(at) >= wanted && !seen[wanted] {
				seen[wanted] = true
				if at.After(now) {
					if !got.At.Equal(at) {
						t.Fatalf("now %s: got %s, want %s", now, got.At, at)
					}
					return
				}
			}
		}
	})
}
