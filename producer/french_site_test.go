package main_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"rehome/pkg/sandbox"
)

// frenchScript is no part of the repository: it lies beside it where somebody has put it there.
const frenchScript = "../../shared/data/french_meta.sql.gz"

// What becomes of a legacy row.
const (
	written  = "written"
	leftOut  = "left out"
	setAside = "set aside"
	waiting  = "waiting"
)

// A frenchSite is the whole legacy database in memory, read by means of its own: what a target should hold is computed from it and
// from nothing that rehome has made.
type frenchSite struct {
	rows        map[string][]frenchRow // by legacy table, in order of Id
	quarantined map[string]bool        // Ids of users
	posts       map[string]string      // the fate of each post, by Id
}

// A frenchRow is one legacy row as text; the columns that somebody has looked at are in seen.
type frenchRow struct {
	cells map[string]sql.NullString
	seen  map[string]bool
}

// get returns a column's text, and whether it is not NULL.
func (r frenchRow) get(column string) (string, bool) {
	cell, ok := r.cells[column]
	if !ok {
		panic("the legacy table has no column " + column)
	}
	r.seen[column] = true
	return cell.String, cell.Valid
}

// frenchLegacy loads the script into a database of the test's own. Where the script is not there the test is left out.
func frenchLegacy(t *testing.T) (dsn string) {
	t.Helper()
	file, err := os.Open(frenchScript)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not on this machine", frenchScript)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	script, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rest := bufio.NewReader(script)
	for _, want := range []string{"CREATE DATABASE", "USE"} {
		line, err := rest.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Fatalf("the script begins with %q (%v), and should with %s: it goes into another database here", line, err, want)
		}
	}
	dsn = sandbox.MariaDB(t)
	if err := sandbox.LoadScript(t.Context(), dsn, io.Reader(rest)); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// readFrenchSite reads the legacy database; bare says that the mapping takes the display names as they are, so that nobody whose
// name is somebody else's can be migrated.
func readFrenchSite(t *testing.T, dsn string, bare bool) *frenchSite {
	t.Helper()
	db, err := sandbox.Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &frenchSite{rows: map[string][]frenchRow{}, quarantined: map[string]bool{}, posts: map[string]string{}}
	for _, table := range frenchTables {
		if s.rows[table.from], err = readFrenchRows(t.Context(), db, table.from); err != nil {
			t.Fatal(err)
		}
	}
	for _, same := range s.namesakes() {
		for _, id := range same {
			s.quarantined[id] = bare && len(same) > 1
		}
	}
	s.judgePosts()
	return s
}

func readFrenchRows(ctx context.Context, db *sql.DB, table string) ([]frenchRow, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY Id")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []frenchRow
	seen := map[string]bool{}
	for rows.Next() {
		cells, at := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			at[i] = &cells[i]
		}
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		row := frenchRow{cells: map[string]sql.NullString{}, seen: seen}
		for i, name := range names {
			row.cells[name] = cells[i]
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// namesakes returns the Ids of the users of each display name, case ignored, in order of Id.
func (s *frenchSite) namesakes() map[string][]string {
	out := map[string][]string{}
	for _, user := range s.rows["users"] {
		id, _ := user.get("Id")
		name, _ := user.get("DisplayName")
		out[strings.ToLower(name)] = append(out[strings.ToLower(name)], id)
	}
	return out
}

// judgePosts finds the posts that arrive: one that has to wait makes others wait, until none is left that has to.
func (s *frenchSite) judgePosts() {
	for _, post := range s.rows["posts"] {
		id, _ := post.get("Id")
		s.posts[id] = written
	}
	for again := true; again; {
		again = false
		for _, post := range s.rows["posts"] {
			id, _ := post.get("Id")
			if fate := s.fate(frenchTableOf("posts"), post); fate != s.posts[id] {
				s.posts[id], again = fate, true
			}
		}
	}
}

// fate says what becomes of a row.
func (s *frenchSite) fate(table *frenchTable, row frenchRow) string {
	if table.user != "" {
		if user, ok := row.get(table.user); ok && s.quarantined[user] {
			return setAside
		}
	}
	for _, column := range table.posts {
		if post, ok := row.get(column); ok && s.posts[post] == "" && table.leave {
			return leftOut
		}
	}
	for _, column := range table.posts {
		if post, ok := row.get(column); ok && s.posts[post] != "" && s.posts[post] != written {
			return waiting
		}
	}
	for _, column := range table.users {
		if user, ok := row.get(column); ok && s.quarantined[user] {
			return waiting
		}
	}
	return written
}

// fates counts the rows of a table by what becomes of them.
func (s *frenchSite) fates(table *frenchTable) map[string]int64 {
	out := map[string]int64{}
	for _, row := range s.rows[table.from] {
		out[s.fate(table, row)]++
	}
	return out
}
