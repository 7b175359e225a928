package legacy

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/link"
)

// A tap is the network's connection below one of the driver's. It remembers how the driver answered the server's greeting: what the two
// have agreed on stands there.
type tap struct {
	socket
	answer []byte // the beginning of the first packet that was written, with its header
}

// A socket is what link.Dial makes. The driver looks into it to see whether the server has hung up meanwhile.
type socket interface {
	net.Conn
	syscall.Conn
}

// Write writes to the server.
func (t *tap) Write(b []byte) (int, error) {
	if t.answer == nil {
		t.answer = append([]byte{}, b[:min(len(b), answerBytes)]...)
	}
	return t.socket.Write(b)
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
	if t == nil || len(t.answer) < answerBytes {
		return nil
	}
	agreed, extended := binary.LittleEndian.Uint32(t.answer[capabilitiesAt:]), binary.LittleEndian.Uint32(t.answer[extendedAt:])
	if agreed&(compressed|encrypted) != 0 {
		return nil
	}
	return &wire{
		conn: t, readTimeout: config.ReadTimeout, writeTimeout: config.WriteTimeout,
		endsWithOK: agreed&endsWithOK != 0, keptMetadata: agreed&ofMySQL == 0 && extended&keptMetadata != 0,
	}
}

type tapKey struct{}

// withTap has the next dial leave what it makes in the place.
func withTap(ctx context.Context, place **tap) context.Context {
	return context.WithValue(ctx, tapKey{}, place)
}

// dial connects like link.Dial.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := link.Dial(ctx, network, address)
	place, tapped := ctx.Value(tapKey{}).(**tap)
	if !tapped || err != nil {
		return conn, err
	}
	plain, ok := conn.(socket)
	if !ok {
		return nil, fmt.Errorf("dial %s: a %T is no socket", address, conn)
	}
	*place = &tap{socket: plain}
	return *place, nil
}
