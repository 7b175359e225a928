package sandbox

import (
	"testing"
	"time"
)

// TestClock has both servers live through a clock that jumps.
func TestClock(t *testing.T) {
	t.Parallel()
	clock, err := NewClock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, clock.Close) })
	s, err := Start(t.Context(), Options{Fast: true, BufferPool: 16, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.Close) })
	for _, offset := range []time.Duration{3 * time.Hour, -90 * time.Minute, 0} {
		if err := clock.Set(offset); err != nil {
			t.Fatal(err)
		}
		for name, now := range map[string]func() string{
			"MariaDB": func() string { return text(t, s.LegacyDSN(""), `SELECT DATE_FORMAT(SYSDATE(), '%Y-%m-%dT%H:%i:%sZ')`) },
			"PostgreSQL": func() string {
				return pgText(t, s.TargetDSN("postgres"), `SELECT to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SSZ')`)
			},
		} {
			await(t, name+"'s clock to jump", func() bool {
				shown, err := time.Parse(time.RFC3339, now())
				if err != nil {
					t.Fatal(err)
				}
				return time.Until(shown.Add(-offset)).Abs() < 5*time.Second
			})
		}
	}
	for name, restart := range map[string]keeper{"MariaDB": s.Legacy, "PostgreSQL": s.Target} {
		restart.Kill()
		if err := restart.Restart(t.Context()); err != nil {
			t.Errorf("restart %s: %v", name, err)
		}
	}
}
