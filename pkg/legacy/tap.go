package legacy

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/link"
)

// A tap is the network's connection below one of the driver's. It remembers how the driver answered the server's greeting: what the two
// have agreed on stands there.
type tap struct {
	net.Conn
	answer []byte // the beginning of the first packet that was written, with its header
}

// Write writes to the server.
func (t *tap) Write(b []byte) (int, error) {
	if t.answer == nil {
		t.answer = append([]byte{}, b[:min(len(b), answerBytes)]...)
	}
	return t.Conn.Write(b)
}

// SyscallConn lets the driver see whether the server has hung up meanwhile.
func (t *tap) SyscallConn() (syscall.RawConn, error) {
	if conn, ok := t.Conn.(syscall.Conn); ok {
		return conn.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Where capabilities stand in the answer to a greeting.
const (
	capabilitiesAt = 4  // behind the header
	extendedAt     = 32 // MariaDB's own, behind the filler
	answerBytes    = 36
)

// Capabilities that change what packets look like.
const (
	ofMySQL      = 1 << 0 // the server is no MariaDB with capabilities of its own
	compressed   = 1 << 5
	encrypted    = 1 << 11
	endsWithOK   = 1 << 24 // CLIENT_DEPRECATE_EOF
	keptMetadata = 1 << 4  // of MariaDB: columns that the client knows are not told again
)

// wire returns the way to the server beside the driver's, nil where other than plain packets pass.
func (t *tap) wire(config *mysql.Config) *wire {
	if len(t.answer) < answerBytes {
		return nil
	}
	agreed := binary.LittleEndian.Uint32(t.answer[capabilitiesAt:])
	if agreed&(compressed|encrypted) != 0 {
		return nil
	}
	w := &wire{conn: t, readTimeout: config.ReadTimeout, writeTimeout: config.WriteTimeout, endsWithOK: agreed&endsWithOK != 0}
	if agreed&ofMySQL == 0 {
		w.keptMetadata = binary.LittleEndian.Uint32(t.answer[extendedAt:])&keptMetadata != 0
	}
	return w
}

type tapKey struct{}

// dial connects like link.Dial. What it has made is left where withTap says.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := link.Dial(ctx, network, address)
	if place, ok := ctx.Value(tapKey{}).(**tap); ok && err == nil {
		*place = &tap{Conn: conn}
		return *place, nil
	}
	return conn, err
}

// withTap has the next dial leave its connection in the place.
func withTap(ctx context.Context, place **tap) context.Context {
	return context.WithValue(ctx, tapKey{}, place)
}
