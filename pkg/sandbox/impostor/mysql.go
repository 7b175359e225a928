package impostor

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// MySQL returns the address of a server that says it is of the version, and answers each query with it.
func MySQL(t testing.TB, version string) string {
	t.Helper()
	return listen(t, func(conn net.Conn) { (&mysqlConn{conn: conn}).serve(version) })
}

// The commands that matter, and the type of the one column.
const (
	comQuit  = 1
	comQuery = 3
	varchar  = 0xfd
)

type mysqlConn struct {
	conn     net.Conn
	sequence byte
}

func (c *mysqlConn) serve(version string) {
	c.send(greeting(version))
	if _, err := c.receive(); err != nil {
		return
	}
	c.send([]byte{0, 0, 0, 2, 0, 0, 0})
	for {
		command, err := c.receive()
		switch {
		case err != nil || len(command) == 0 || command[0] == comQuit:
			return
		case command[0] == comQuery:
			c.answer(version)
		default:
			c.send([]byte{0, 0, 0, 2, 0, 0, 0})
		}
	}
}

// greeting is a HandshakeV10 that asks for mysql_native_password.
func greeting(version string) []byte {
	const capabilities = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000
	out := append([]byte{10}, version...)
	out = append(out, 0, 1, 0, 0, 0)
	out = append(out, "12345678\x00"...)
	out = binary.LittleEndian.AppendUint16(out, capabilities&0xffff)
	out = append(out, 45, 2, 0)
	out = binary.LittleEndian.AppendUint16(out, capabilities>>16)
	out = append(out, 21)
	out = append(out, make([]byte, 10)...)
	return append(out, "123456789012\x00mysql_native_password\x00"...)
}

// answer sends one row of one column.
func (c *mysqlConn) answer(value string) {
	column := []byte("\x03def\x00\x00\x00\x07VERSION\x00\x0c\x2d\x00\xff\x00\x00\x00")
	column = append(column, varchar, 0, 0, 0, 0, 0)
	end := []byte{0xfe, 0, 0, 2, 0}
	for _, packet := range [][]byte{{1}, column, end, append([]byte{byte(len(value))}, value...), end} {
		c.send(packet)
	}
}

// send ignores errors: a client that has gone is noticed by receive.
func (c *mysqlConn) send(payload []byte) {
	n := len(payload)
	_, _ = c.conn.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), c.sequence}, payload...))
	c.sequence++
}

func (c *mysqlConn) receive() ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(c.conn, header[:]); err != nil {
		return nil, err
	}
	c.sequence = header[3] + 1
	payload := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	_, err := io.ReadFull(c.conn, payload)
	return payload, err
}
