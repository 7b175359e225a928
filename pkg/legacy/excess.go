package legacy

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// harmless are the privileges of a user who only reads, on either family of servers.
var harmless = []string{
	"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR",
}

// Excess lists what the user may do beyond reading, and how to take it away, a line for each; it is empty where there is nothing. What
// comes by roles counts where the server shows it.
func (db *DB) Excess(ctx context.Context) ([]string, error) {
	var me string
	if err := db.pool.QueryRowContext(ctx, `SELECT CURRENT_USER()`).Scan(&me); err != nil {
		return nil, failed(err, "ask who we are to the legacy database")
	}
	rows, err := db.pool.QueryContext(ctx, `SHOW GRANTS`)
	if err != nil {
		return nil, failed(err, "look up what user %s of the legacy database may do", me)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, failed(err, "look up what user %s of the legacy database may do", me)
		}
		if excess := excessOf(line); excess != "" {
			list = append(list, fmt.Sprintf("user %s may %s: REVOKE %s FROM %s", account(me), excess, excess, account(me)))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, failed(err, "look up what user %s of the legacy database may do", me)
	}
	return list, nil
}

// account quotes name@host.
func account(me string) string {
	at := strings.LastIndexByte(me, '@')
	if at < 0 {
		return quoteAccount(me)
	}
	return quoteAccount(me[:at]) + "@" + quoteAccount(me[at+1:])
}

func quoteAccount(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// A grant, up to whom it is given: what follows may hold the hash of a password.
var grant = regexp.MustCompile("^GRANT (.+?) ON (.+?) TO ['`]")

// excessOf returns what of a line of SHOW GRANTS goes beyond reading, as "PRIVILEGES ON OBJECT", or "".
func excessOf(line string) string {
	m := grant.FindStringSubmatch(line)
	if m == nil {
		return "" // a role, whose privileges have lines of their own
	}
	var excess []string
	for _, privilege := range splitPrivileges(m[1]) {
		name, _, _ := strings.Cut(privilege, " (") // of columns
		if !slices.Contains(harmless, name) {
			excess = append(excess, privilege)
		}
	}
	if strings.Contains(line, " WITH GRANT OPTION") && !slices.Contains(excess, "PROXY") {
		excess = append(excess, "GRANT OPTION")
	}
	if excess == nil {
		return ""
	}
	return strings.Join(excess, ", ") + " ON " + m[2]
}

// splitPrivileges splits at commas that are not between parentheses.
func splitPrivileges(list string) (out []string) {
	depth, start := 0, 0
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			out, start = append(out, strings.TrimSpace(list[start:i])), i+1
		}
	}
	return append(out, strings.TrimSpace(list[start:]))
}

// lacking are the errors by which a server says that the user lacks a right: on a table, on a column, in general, on a routine.
var lacking = []uint16{1142, 1143, accessDenied, 1370}

// Lacks reports whether err came about because the user lacks a right.
func Lacks(err error) bool {
	var from *serverError
	return errors.As(err, &from) && slices.Contains(lacking, from.number)
}

// Refresh closes the connections that nobody uses: a server lets a session know of some rights only when it begins.
func (db *DB) Refresh() {
	db.pool.SetMaxIdleConns(0)
	db.pool.SetMaxIdleConns(idleSessions)
}

// Grant returns the statement, for an administrator, that gives the user what reading takes.
func (db *DB) Grant(ctx context.Context) string {
	me := "the user"
	var name string
	if err := db.pool.QueryRowContext(ctx, `SELECT CURRENT_USER()`).Scan(&name); err == nil {
		me = account(name)
	}
	return "GRANT SELECT, SHOW VIEW ON " + quote(db.name) + ".* TO " + me
}
