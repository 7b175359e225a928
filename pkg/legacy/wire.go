package legacy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A wire sends prepared statements over a connection of the driver's, and reads what comes without a copy of any value. It may speak
// between two commands of the driver's: each command counts its packets from zero, and neither side has anything buffered between two.
// After an error that is not the server's answer it is broken: nobody knows what the next byte means.
type wire struct {
	conn         net.Conn
	readTimeout  time.Duration // of each read; 0 for none
	writeTimeout time.Duration
	endsWithOK   bool // results end with an OK packet, not with EOF packets
	keptMetadata bool // what follows the number of columns is whether they are told
	broken       bool

	*buffer       // while a command is on
	next    uint8 // the number of the next packet
}

// A buffer is where packets are read into. There is one for each command that is on, not for each connection.
type buffer struct {
	room      []byte
	at, limit int // what has been read and not been taken
}

// bufferBytes is how much is read at once at most. A wider packet has memory of its own, which lives as long as somebody holds a value of it.
const bufferBytes = 256 << 10

var buffers = sync.Pool{New: func() any { return &buffer{room: make([]byte, bufferBytes)} }}

const (
	headerBytes = 4
	fullPacket  = 1<<24 - 1 // a packet of this length goes on in the next
)

// Commands, and what answers begin with.
const (
	commandPrepare = 0x16
	commandExecute = 0x17
	commandClose   = 0x19

	answerOK    = 0x00
	answerEnd   = 0xfe
	answerError = 0xff
)

var errMalformed = errors.New("the server's answer is malformed")

// command sends a packet that begins with room for its header.
func (w *wire) command(packet []byte) error {
	n := len(packet) - headerBytes
	packet[0], packet[1], packet[2], packet[3] = byte(n), byte(n>>8), byte(n>>16), 0
	w.next = 1
	if w.writeTimeout > 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(w.writeTimeout)); err != nil {
			return w.fail(err)
		}
	}
	_, err := w.conn.Write(packet)
	return w.fail(err)
}

// fail breaks the wire if there is an error.
func (w *wire) fail(err error) error {
	if err == nil {
		return nil
	}
	w.broken = true
	return fmt.Errorf("speak to the legacy server: %w", err)
}

func (w *wire) malformed(what string) error { return w.fail(fmt.Errorf("%w: %s", errMalformed, what)) }

// begin takes a buffer for the answers to a command.
func (w *wire) begin() {
	w.buffer = buffers.Get().(*buffer)
	w.at, w.limit = 0, 0
}

// end gives the buffer back. What is left in it nobody has asked for.
func (w *wire) end() {
	if w.at != w.limit {
		w.broken = true
	}
	buffers.Put(w.buffer)
	w.buffer = nil
}

// packet reads the next packet, which has a byte at least and is valid until the next. An error that the server tells in it is a *mysql.MySQLError.
func (w *wire) packet() ([]byte, error) {
	n, ordered, err := w.header()
	if err != nil {
		return nil, err
	}
	var data []byte
	if n+headerBytes <= len(w.room) {
		if err := w.fill(n); err != nil {
			return nil, err
		}
		data = w.room[w.at : w.at+n : w.at+n]
		w.at += n
	} else if data, err = w.wide(n); err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, w.malformed("an empty packet")
	}
	if data[0] == answerError {
		w.broken = w.broken || !ordered // who gives up on a connection may not have counted
		return nil, w.refusal(data)
	}
	if !ordered {
		return nil, w.malformed("a packet out of order")
	}
	return data, nil
}

// wide reads a packet of n bytes that the buffer has no room for, with those that go on with it.
func (w *wire) wide(n int) (data []byte, err error) {
	for {
		from := len(data)
		data = slices.Grow(data, n)[:from+n]
		had := copy(data[from:], w.room[w.at:w.limit])
		w.at += had
		for from += had; from < len(data); from += had {
			if had, err = w.read(data[from:]); err != nil {
				return nil, err
			}
		}
		if n < fullPacket {
			return data, nil
		}
		var ordered bool
		if n, ordered, err = w.header(); err != nil {
			return nil, err
		}
		if !ordered {
			return nil, w.malformed("a packet out of order")
		}
	}
}

// header reads a packet's length, and whether it is the next in order.
func (w *wire) header() (n int, ordered bool, err error) {
	if err := w.fill(headerBytes); err != nil {
		return 0, false, err
	}
	h := binary.LittleEndian.Uint32(w.room[w.at:])
	w.at += headerBytes
	ordered = uint8(h>>24) == w.next
	w.next++
	return int(h & fullPacket), ordered, nil
}

// fill reads until n bytes are there to be taken.
func (w *wire) fill(n int) error {
	if w.limit-w.at >= n {
		return nil
	}
	if w.at+n > len(w.room) || w.at == w.limit {
		w.at, w.limit = 0, copy(w.room, w.room[w.at:w.limit])
	}
	for w.limit-w.at < n {
		had, err := w.read(w.room[w.limit:])
		if err != nil {
			return err
		}
		w.limit += had
	}
	return nil
}

// read reads a byte at least.
func (w *wire) read(into []byte) (int, error) {
	if w.readTimeout > 0 {
		if err := w.conn.SetReadDeadline(time.Now().Add(w.readTimeout)); err != nil {
			return 0, w.fail(err)
		}
	}
	n, err := w.conn.Read(into)
	switch {
	case n > 0:
		return n, nil
	case err == nil, errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return 0, w.fail(err)
}

// refusal reads an error that the server tells.
func (w *wire) refusal(data []byte) error {
	if len(data) < 3 {
		return w.malformed("an error without a number")
	}
	e := &mysql.MySQLError{Number: binary.LittleEndian.Uint16(data[1:])}
	text := data[3:]
	if len(text) >= 6 && text[0] == '#' {
		copy(e.SQLState[:], text[1:])
		text = text[6:]
	}
	e.Message = string(text)
	return e
}
