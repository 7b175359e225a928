package legacy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/shard"
)

// Numbers of the servers' errors, by what follows from them. Their texts name what the schema or the statement is made of; the
// text of any other error may quote a value, and is never shown.
var (
	schemaErrors = []uint16{
		1046, 1049, 1051, 1052, 1054, 1064, 1103, 1109, 1115, 1142, 1143, 1146, 1176, 1227, 1235, 1241, 1247, 1248, 1253, 1267, 1270,
		1271, 1273, 1305, 1356, 1370, 1582, 3068, 4161,
	}
	// outageErrors are the server's and the network's own.
	outageErrors = []uint16{
		1040, 1041, 1043, 1044, 1045, 1053, 1077, 1129, 1130, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1251, 1317,
		1412, 1524, 1698, 1820, 1862, 1927, 1969, 3024, 3118, 3159, 4031, 4151,
	}
	// dataErrors are those of class HY000; classes 21 and 22 are data errors by their SQLSTATE.
	dataErrors = []uint16{1139, 1153, 1300, 1366, 1411, 1416, 1441, 1525, 1918, 3037, 3854, 3903}
)

const (
	notReadOnly  = 1792
	packetTooBig = 1153
)

// A serverError is a server's error without what a value might stand in.
type serverError struct {
	number uint16
	state  string
	text   string // empty where it could quote a value
}

// Error returns the number with SQLSTATE, and the text where it is safe.
func (e *serverError) Error() string {
	text := fmt.Sprintf("server error %d (%s)", e.number, e.state)
	if e.text != "" {
		text += ": " + e.text
	}
	return text
}

// redact returns err with the server's words only where they hold no value.
func redact(err error) error {
	var from *mysql.MySQLError
	if !errors.As(err, &from) {
		return err
	}
	out := &serverError{number: from.Number, state: string(from.SQLState[:])}
	if slices.Contains(schemaErrors, from.Number) || slices.Contains(outageErrors, from.Number) {
		out.text = from.Message
	}
	if from.Number == notReadOnly {
		out.text = "the statement would write, and rehome reads only: does an expression call a function that writes?"
	}
	return out
}

// kindOf says what has to happen next after an error of the server or the link.
func kindOf(err error) shard.Failure {
	var from *mysql.MySQLError
	if !errors.As(err, &from) {
		return shard.Outage
	}
	class := string(from.SQLState[:2])
	switch {
	case slices.Contains(schemaErrors, from.Number), from.Number == notReadOnly:
		return shard.Schema
	case slices.Contains(outageErrors, from.Number):
		return shard.Outage
	case class == "21", class == "22", slices.Contains(dataErrors, from.Number):
		return shard.Data
	}
	return shard.Outage
}

// failure marks err, which says what was attempted, by the kind of its reason.
func failure(err, reason error) error { return shard.Fail(kindOf(reason), "", err) }

// failed wraps the reason with what was attempted, redacted and marked. A reason that is marked already keeps its kind and cause.
func failed(reason error, format string, args ...any) error {
	attempt := fmt.Sprintf(format, args...)
	kind, cause := kindOf(reason), ""
	if known, why := shard.KindOf(reason); known != shard.Outage || why != "" {
		kind, cause = known, why
	}
	return shard.Fail(kind, cause, fmt.Errorf("%s: %w", attempt, redact(reason)))
}
