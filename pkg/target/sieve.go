package target

import (
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A sieve is what a session reads the server's messages from. While it is on it keeps the rows of results back, and hands each to who turned it on as it
// stands in the message: to take a row apart costs more than to compare it. All other messages pass, so that the session knows what it has to.
// The session's own goroutine turns it on, between two statements, and off.
type sieve struct {
	from     io.Reader
	frontend *pgproto3.Frontend // that reads from it

	row       func(tuple []byte) // nil while it is off
	room      *[]byte            // what was read; nil where nothing is left of that
	at, limit int
	passing   int // bytes of a message that passes which are still to pass
}

// sieveBytes is how much is read at once at most. A wider row has memory of its own.
const sieveBytes = 64 << 10

var sieveRooms = sync.Pool{New: func() any {
	room := make([]byte, sieveBytes)
	return &room
}}

// sieved has the session that is made with the config read by a sieve, which the function returned gives to it.
func sieved(config *pgx.ConnConfig) (keep func(*pgx.Conn)) {
	var newest atomic.Pointer[sieve] // a config may make several sessions, and one may try several servers
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		s := &sieve{from: r}
		s.frontend = pgproto3.NewFrontend(s, w)
		newest.Store(s)
		return s.frontend
	}
	return func(conn *pgx.Conn) { conn.PgConn().CustomData()[sieveName] = newest.Load() }
}

const sieveName = "rehome.sieve"

// sieveOf returns the session's sieve, nil where it has none that can be turned on now.
func sieveOf(conn *pgx.Conn) *sieve {
	s, _ := conn.PgConn().CustomData()[sieveName].(*sieve)
	if s == nil || s.frontend != conn.PgConn().Frontend() || s.frontend.ReadBufferLen() > 0 || s.room != nil {
		return nil
	}
	return s
}

// on hands the rows of results that come from now on to row, each as a binary COPY would have it, valid until row returns.
func (s *sieve) on(row func(tuple []byte)) { s.row, s.passing = row, 0 }

func (s *sieve) off() {
	s.row = nil
	s.empty()
}

// empty gives the room back once nothing is left in it.
func (s *sieve) empty() {
	if s.room != nil && s.at == s.limit && s.row == nil {
		sieveRooms.Put(s.room)
		s.room = nil
	}
}

// Read reads what passes.
func (s *sieve) Read(p []byte) (int, error) {
	if s.row == nil {
		if s.room == nil {
			return s.from.Read(p)
		}
		n := copy(p, (*s.room)[s.at:s.limit])
		s.at += n
		s.empty()
		return n, nil
	}
	if s.room == nil {
		s.room, s.at, s.limit = sieveRooms.Get().(*[]byte), 0, 0
	}
	if s.passing == 0 {
		if err := s.sift(); err != nil {
			return 0, err
		}
	}
	if s.at == s.limit {
		if err := s.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, (*s.room)[s.at:min(s.limit, s.at+s.passing)])
	s.at, s.passing = s.at+n, s.passing-n
	return n, nil
}

// What a message begins with: its type, and its length but for the type.
const (
	messageHead = 5
	messageType = 1
	dataRow     = 'D'
	lengthBytes = 4
	leastRow    = lengthBytes + 2 // the number of columns
	mostRow     = 1<<30 - 1       // the session refuses others
)

// sift hands rows on up to the next message that passes.
func (s *sieve) sift() error {
	for {
		if err := s.fill(messageHead); err != nil {
			return err
		}
		head := (*s.room)[s.at:]
		size := int64(binary.BigEndian.Uint32(head[messageType:]))
		if head[0] != dataRow || size < leastRow || size > mostRow {
			s.passing = messageType + max(int(size), lengthBytes)
			return nil
		}
		s.at += messageHead
		tuple, err := s.take(int(size) - lengthBytes)
		if err != nil {
			return err
		}
		s.row(tuple)
	}
}

// take takes the next n bytes.
func (s *sieve) take(n int) ([]byte, error) {
	if n <= len(*s.room) {
		if err := s.fill(n); err != nil {
			return nil, err
		}
		s.at += n
		return (*s.room)[s.at-n : s.at : s.at], nil
	}
	wide := make([]byte, n)
	had := copy(wide, (*s.room)[s.at:s.limit])
	s.at += had
	_, err := io.ReadFull(s.from, wide[had:])
	return wide, err
}

// fill reads until n bytes are there, for which there is room.
func (s *sieve) fill(n int) error {
	room := *s.room
	if s.limit-s.at >= n {
		return nil
	}
	if s.at+n > len(room) || s.at == s.limit {
		s.at, s.limit = 0, copy(room, room[s.at:s.limit])
	}
	had, err := io.ReadAtLeast(s.from, room[s.limit:], n-(s.limit-s.at))
	s.limit += had
	return err
}
