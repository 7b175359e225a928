package impostor

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// Postgres returns the address of a server that says it is of the major version. It speaks without TLS alone.
func Postgres(t testing.TB, major int) string {
	t.Helper()
	return listen(t, func(conn net.Conn) { servePostgres(conn, major) })
}

const backendPID = 1

func servePostgres(conn net.Conn, major int) {
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{"standard_conforming_strings": "on", "client_encoding": "UTF8"} {
		b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: backendPID, SecretKey: make([]byte, 4)})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for b.Flush() == nil {
		message, err := b.Receive()
		if err != nil {
			return
		}
		for _, answer := range answers(message, major) {
			b.Send(answer)
		}
	}
}

// answers says the backend's number to a simple query, and to a prepared one the version and what stands beside it.
func answers(message pgproto3.FrontendMessage, major int) []pgproto3.BackendMessage {
	row := &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
		{Name: []byte("major"), DataTypeOID: pgtype.Int4OID, DataTypeSize: 4, Format: pgtype.BinaryFormatCode},
		{Name: []byte("standby"), DataTypeOID: pgtype.BoolOID, DataTypeSize: 1, Format: pgtype.BinaryFormatCode},
		{Name: []byte("role"), DataTypeOID: pgtype.TextOID, DataTypeSize: -1},
	}}
	done := &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}
	switch m := message.(type) {
	case *pgproto3.Query:
		pid := &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("pid"), DataTypeOID: pgtype.Int4OID, DataTypeSize: 4}}}
		return []pgproto3.BackendMessage{pid, &pgproto3.DataRow{Values: [][]byte{[]byte("1")}}, done, &pgproto3.ReadyForQuery{TxStatus: 'I'}}
	case *pgproto3.Parse:
		return []pgproto3.BackendMessage{&pgproto3.ParseComplete{}}
	case *pgproto3.Describe:
		if m.ObjectType == 'S' {
			return []pgproto3.BackendMessage{&pgproto3.ParameterDescription{}, row}
		}
		return []pgproto3.BackendMessage{row}
	case *pgproto3.Bind:
		return []pgproto3.BackendMessage{&pgproto3.BindComplete{}}
	case *pgproto3.Execute:
		values := [][]byte{binary.BigEndian.AppendUint32(nil, uint32(major)), {0}, []byte("origin")}
		return []pgproto3.BackendMessage{&pgproto3.DataRow{Values: values}, done}
	case *pgproto3.Sync:
		return []pgproto3.BackendMessage{&pgproto3.ReadyForQuery{TxStatus: 'I'}}
	}
	return nil
}
