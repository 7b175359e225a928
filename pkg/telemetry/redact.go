package telemetry

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// Redact returns the text of err with nothing in it that a row may have held. Our own words around a wrapped error stay;
// a PostgreSQL error is told by its severity, SQLSTATE, table, column and constraint, a MySQL error by its number and
// SQLSTATE, never by the server's text, which quotes rows ("Key (email)=(…) already exists"). Texts that the standard
// library builds out of the value it could not read lose that value. Where a server's text is found in a form that
// cannot be told from our words, all of the words go and the redacted errors remain. Use it wherever an error is
// printed, stored, sent or shown. It returns "" for nil.
func Redact(err error) string {
	if err == nil {
		return ""
	}
	text := redact(err)
	if hidden := serverTexts(err); containsAny(text, hidden) {
		return strings.Join(leaves(err), "; ")
	}
	return text
}

func redact(err error) string {
	if text, ok := redactLeaf(err); ok {
		return text
	}
	// Its own text indents what it wraps, so that it cannot be found there.
	if connect, ok := err.(*pgconn.ConnectError); ok {
		return fmt.Sprintf("connect to PostgreSQL database %s as %s: %s", connect.Config.Database, connect.Config.User,
			Redact(connect.Unwrap()))
	}
	children := unwrap(err)
	// Longest first: a short text may stand within a longer one.
	slices.SortStableFunc(children, func(a, b error) int { return cmp.Compare(len(b.Error()), len(a.Error())) })
	text := err.Error()
	for _, child := range children {
		inner, clean := child.Error(), redact(child)
		if inner == clean {
			continue
		}
		if !strings.Contains(text, inner) {
			return strings.Join(leaves(err), "; ")
		}
		text = strings.ReplaceAll(text, inner, clean)
	}
	return text
}

// redactLeaf says an error of a kind that carries values in words that carry none.
func redactLeaf(err error) (string, bool) {
	switch e := err.(type) {
	case *pgconn.PgError:
		return redactPostgres(e), true
	case *mysql.MySQLError:
		return redactMySQL(e), true
	case *pgconn.ParseConfigError:
		return "a connection URL that PostgreSQL does not know", true
	case *strconv.NumError:
		return e.Func + ": " + e.Err.Error(), true
	case *time.ParseError:
		return "a text that is not a time of the form " + strconv.Quote(e.Layout), true
	case *url.Error:
		return redactURL(e), true
	}
	return "", false
}

func redactPostgres(e *pgconn.PgError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "PostgreSQL %s %s", cmp.Or(e.SeverityUnlocalized, e.Severity), e.Code)
	if name := postgresConditions[e.Code]; name != "" {
		b.WriteString(" " + name)
	}
	if e.TableName != "" {
		b.WriteString(", table " + strings.TrimPrefix(e.SchemaName+"."+e.TableName, "."))
	}
	if e.ColumnName != "" {
		b.WriteString(", column " + e.ColumnName)
	}
	if e.ConstraintName != "" {
		b.WriteString(", constraint " + e.ConstraintName)
	}
	return b.String()
}

func redactMySQL(e *mysql.MySQLError) string {
	text := fmt.Sprintf("MySQL error %d", e.Number)
	if e.SQLState != [5]byte{} {
		text += fmt.Sprintf(" (%s)", e.SQLState[:])
	}
	if name := mysqlConditions[e.Number]; name != "" {
		text += " " + name
	}
	return text
}

// redactURL keeps the host alone: a path may be a text that was never meant as a URL.
func redactURL(e *url.Error) string {
	if u, err := url.Parse(e.URL); err == nil && u.Host != "" && e.Op != "parse" {
		return e.Op + " " + u.Scheme + "://" + u.Host + ": " + Redact(e.Err)
	}
	return e.Op + " a URL: it is malformed or cannot be reached"
}

// statusCode returns what the database that refused calls it: a SQLSTATE or a MySQL number.
func statusCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return strconv.Itoa(int(e.Number))
	}
	return ""
}

func unwrap(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(e.Unwrap()), func(err error) bool { return err == nil })
	}
	return nil
}

// leaves returns the redacted errors of a tree, without the words around them.
func leaves(err error) []string {
	if text, ok := redactLeaf(err); ok {
		return []string{text}
	}
	var all []string
	for _, child := range unwrap(err) {
		all = append(all, leaves(child)...)
	}
	return all
}

// serverTexts returns every text of the databases in a tree.
func serverTexts(err error) []string {
	switch e := err.(type) {
	case *pgconn.PgError:
		return []string{e.Message, e.Detail, e.Hint, e.Where, e.InternalQuery}
	case *mysql.MySQLError:
		return []string{e.Message}
	}
	var all []string
	for _, child := range unwrap(err) {
		all = append(all, serverTexts(child)...)
	}
	return all
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return part != "" && strings.Contains(text, part) })
}
