//go:build mysql

package sandbox

import "testing"

func TestRealMySQLServer(t *testing.T) {
	s, err := StartMySQL(t.Context(), Options{Fast: true, BufferPool: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.Close) })
	if err := s.exec(t.Context(), "CREATE DATABASE kept; CREATE TABLE kept.t AS SELECT 'here' AS word"); err != nil {
		t.Fatal(err)
	}
	t.Run("is set up for dirty data and a binlog", func(t *testing.T) {
		got := text(t, s.DSN(""), `SELECT CONCAT_WS(' ', @@GLOBAL.log_bin, @@GLOBAL.binlog_format, @@GLOBAL.server_id,
			CONCAT('[', @@GLOBAL.sql_mode, ']'), @@GLOBAL.character_set_server, @@GLOBAL.max_allowed_packet,
			@@GLOBAL.skip_name_resolve, @@GLOBAL.time_zone)`)
		if want := "1 ROW 1 [] utf8mb4 1073741824 1 +00:00"; got != want {
			t.Errorf("settings = %s, want %s", got, want)
		}
	})
	endings(t, s, func(t *testing.T) {
		if got := text(t, s.DSN("kept"), "SELECT word FROM t"); got != "here" {
			t.Errorf("word = %q", got)
		}
	})
}
