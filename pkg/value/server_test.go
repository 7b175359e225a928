package value_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/value"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// A server is a real PostgreSQL, asked for what it stores and sends.
type server struct {
	t    *testing.T
	conn *pgx.Conn
}

func connect(t *testing.T) *server {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), sandbox.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	// The test's context is over by the time its clean-up runs.
	t.Cleanup(func() { _ = conn.PgConn().Conn().Close() })
	s := &server{t, conn}
	s.exec(`CREATE TYPE mood AS ENUM ('sad', 'ok', 'über')`)
	s.exec(`CREATE EXTENSION IF NOT EXISTS citext`)
	s.exec(`SET TIME ZONE 'UTC'`)
	return s
}

func (s *server) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// table makes an empty table with a column v of the type, and describes the column as the catalog does.
func (s *server) table(sqlType string) (to value.TargetType) {
	s.t.Helper()
	s.exec(`DROP TABLE IF EXISTS c`)
	s.exec(`CREATE TEMP TABLE c (i integer GENERATED ALWAYS AS IDENTITY, v ` + sqlType + `)`)
	var kind string
	err := s.conn.QueryRow(s.t.Context(), `
		SELECT a.atttypid::bigint, format_type(a.atttypid, NULL), t.typtype::text, a.atttypmod,
		       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = 'c'::regclass AND a.attname = 'v'`).Scan(&to.OID, &to.Name, &kind, &to.Typmod, &to.Labels)
	if err != nil {
		s.t.Fatalf("describe %s: %v", sqlType, err)
	}
	to.Kind = kind[0]
	if member, isArray := strings.CutSuffix(sqlType, "[]"); isArray {
		of := s.table(member)
		s.exec(`DROP TABLE c`)
		s.exec(`CREATE TEMP TABLE c (i integer GENERATED ALWAYS AS IDENTITY, v ` + sqlType + `)`)
		to.Element, to.Labels = &of, nil
	}
	return to
}

var signature = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// stored copies bodies into the table of the last call of table and returns what is read back, NULL as nil.
func (s *server) stored(bodies [][]byte) [][]byte {
	s.t.Helper()
	in := bytes.Clone(signature)
	for _, body := range bodies {
		in = binary.BigEndian.AppendUint16(in, 1)
		if body == nil {
			in = binary.BigEndian.AppendUint32(in, 0xffffffff)
			continue
		}
		in = append(binary.BigEndian.AppendUint32(in, uint32(len(body))), body...)
	}
	in = binary.BigEndian.AppendUint16(in, 0xffff)
	if _, err := s.conn.PgConn().CopyFrom(s.t.Context(), bytes.NewReader(in), `COPY c (v) FROM STDIN (FORMAT binary)`); err != nil {
		s.t.Fatalf("copy in: %v", err)
	}
	return s.copyOut(`SELECT v FROM c ORDER BY i`)
}

// reads returns what the server makes of texts when it casts them to the type.
func (s *server) reads(sqlType string, texts []string) [][]byte {
	s.t.Helper()
	s.exec(`CREATE TEMP TABLE IF NOT EXISTS texts (i integer, t text)`)
	s.exec(`TRUNCATE texts`)
	s.exec(`INSERT INTO texts SELECT i, t FROM unnest($1::text[]) WITH ORDINALITY AS u (t, i)`, texts)
	return s.copyOut(`SELECT t::` + sqlType + ` FROM texts ORDER BY i`)
}

// takes tells whether the server takes a text for the type, and what it makes of it.
func (s *server) takes(sqlType, text string) ([]byte, error) {
	binary := []int16{pgx.BinaryFormatCode}
	res := s.conn.PgConn().ExecParams(s.t.Context(), `SELECT $1::text::`+sqlType, [][]byte{[]byte(text)}, nil, nil, binary).Read()
	if res.Err != nil {
		return nil, res.Err
	}
	return res.Rows[0][0], nil
}

func (s *server) copyOut(query string) (bodies [][]byte) {
	s.t.Helper()
	var out bytes.Buffer
	if _, err := s.conn.PgConn().CopyTo(s.t.Context(), &out, `COPY (`+query+`) TO STDOUT (FORMAT binary)`); err != nil {
		s.t.Fatalf("copy out %s: %v", query, err)
	}
	rest := out.Bytes()[len(signature):]
	for binary.BigEndian.Uint16(rest) == 1 {
		size := int32(binary.BigEndian.Uint32(rest[2:]))
		rest = rest[6:]
		if size < 0 {
			bodies = append(bodies, nil)
			continue
		}
		bodies = append(bodies, rest[:size:size])
		rest = rest[size:]
	}
	return bodies
}

// compile is value.Compile that must succeed.
func compile(t testing.TB, from value.LegacyType, to value.TargetType, rules value.Rules) *value.Program {
	t.Helper()
	p, err := value.Compile(from, to, rules)
	if err != nil {
		t.Fatalf("compile %s to %s: %v", from.Name, to.Name, err)
	}
	return p
}

// outcome is a result of Append in a form that a table can hold: the body in hexadecimal digits, NULL, or the fault; then the rules that
// changed the value.
func outcome(p *value.Program, in value.Cell) string {
	prefix := []byte("kept")
	out, null, hit, fault := p.Append(prefix, in)
	if !bytes.HasPrefix(out, prefix) {
		return "lost what was there"
	}
	body := out[len(prefix):]
	text := fmt.Sprintf("%x", body)
	switch {
	case fault != "" && (len(body) > 0 || null || hit != 0):
		return "a fault with a value"
	case fault != "":
		return "fault " + string(fault)
	case null && len(body) > 0:
		return "NULL with a value"
	case null:
		text = "NULL"
	}
	for i, name := range p.Rules() {
		if hit&(1<<i) != 0 {
			text += " " + name
		}
	}
	return text
}
