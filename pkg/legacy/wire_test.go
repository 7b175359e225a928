package legacy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A script is a server that says what it is told to, whatever it is asked.
type script struct {
	net.Conn
	says io.Reader
}

func (s script) Read(b []byte) (int, error)       { return s.says.Read(b) }
func (s script) Write(b []byte) (int, error)      { return len(b), nil }
func (s script) Close() error                     { return nil }
func (s script) SetReadDeadline(time.Time) error  { return nil }
func (s script) SetWriteDeadline(time.Time) error { return nil }

// packets numbers the packets of an answer.
func packets(bodies ...string) string {
	var out strings.Builder
	for i, body := range bodies {
		header := binary.LittleEndian.AppendUint32(nil, uint32(len(body))|uint32(i+1)<<24)
		out.Write(header)
		out.WriteString(body)
	}
	return out.String()
}

// told is the packet about a column of the type.
func toldColumn(typed byte, flags byte, digits byte) string {
	return "\x03def\x00\x00\x00\x01c\x00" + "\x0c\x2d\x00\xff\xff\x00\x00" + string([]byte{typed, flags, 0, digits, 0, 0})
}

const (
	scriptedStatement = "\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // of no parameter, whose columns are told later
	eofPacket         = "\xfe\x00\x00\x02\x00"
	okEnd             = "\xfe\x00\x00\x02\x00\x00\x00"
)

// play runs a statement against a server that answers so, and returns the rows with the wire.
func play(endsWithOK bool, answer string) (rows [][]string, w *wire, err error) {
	w = &wire{conn: script{says: strings.NewReader(packets(scriptedStatement) + answer)}, endsWithOK: endsWithOK}
	rows, err = w.play()
	return rows, w, err
}

func (w *wire) play() (rows [][]string, err error) {
	w.begin()
	defer w.end()
	s, err := w.prepare("SELECT")
	if err != nil {
		return nil, err
	}
	err = s.run(nil, func(cells []value.Cell) error {
		row := []string{}
		for _, c := range cells {
			row = append(row, string(c))
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func TestAnswers(t *testing.T) {
	text, number := toldColumn(typeString, 0, 0), toldColumn(typeLong, 0, 0)
	for name, c := range map[string]struct {
		old    bool // with EOF packets
		answer string
		rows   [][]string
		says   string // the error
		broken bool
	}{
		"two rows":                           {answer: packets("\x01", text, "\x00\x00\x01a", "\x00\x00\x00", okEnd), rows: [][]string{{"a"}, {""}}},
		"two rows, with EOF packets":         {old: true, answer: packets("\x01", text, eofPacket, "\x00\x00\x01a", "\x00\x00\x00", eofPacket), rows: [][]string{{"a"}, {""}}},
		"no result":                          {answer: packets("\x00\x00\x00\x02\x00\x00\x00")},
		"an error":                           {answer: packets("\xff\x15\x05#42S22gone"), says: "Error 1301 (42S22): gone"},
		"an error without a state":           {answer: packets("\xff\x15\x05gone"), says: "Error 1301: gone"},
		"an error between rows":              {answer: packets("\x01", text, "\x00\x00\x01a", "\xff\x25\x05#70100stop"), rows: [][]string{{"a"}}, says: "Error 1317 (70100): stop"},
		"an error out of order":              {answer: "\x05\x00\x00\x09\xff\x87\x07gone"[:4] + "\xff\x87\x07go", says: "Error 1927: go", broken: true},
		"an error without a number":          {answer: packets("\xff\x15"), says: "without a number", broken: true},
		"nothing":                            {answer: "", says: io.ErrUnexpectedEOF.Error(), broken: true},
		"a header that is cut short":         {answer: "\x01\x00", says: io.ErrUnexpectedEOF.Error(), broken: true},
		"a packet that is cut short":         {answer: packets("\x01", text, "\x00\x00\x05abcde")[:30], says: io.ErrUnexpectedEOF.Error(), broken: true},
		"a wide packet that is cut short":    {answer: "\x00\x00\x10\x01abc", says: io.ErrUnexpectedEOF.Error(), broken: true},
		"an empty packet":                    {answer: packets(""), says: "empty", broken: true},
		"a packet out of order":              {answer: packets("\x01", text) + "\x04\x00\x00\x07\x00\x00\x01a", says: "out of order", broken: true},
		"a wide packet that goes on wrongly": {answer: "\xff\xff\xff\x01" + strings.Repeat("a", fullPacket) + "\x01\x00\x00\x09a", says: "out of order", broken: true},
		"no columns at all":                  {answer: packets("\xfb"), says: "no number of columns", broken: true},
		"a request for a file":               {answer: packets("\xfb/etc/passwd"), says: "no number of columns", broken: true},
		"too many columns":                   {answer: packets("\xfc\x01\x10"), says: "no number of columns", broken: true},
		"columns without end":                {answer: packets("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), says: "no number of columns", broken: true},
		"a column that is cut short":         {answer: packets("\x01", text[:len(text)-3]), says: "a column that is cut short", broken: true},
		"a column's name beyond the packet":  {answer: packets("\x01", "\x03def\xfd\xff\xff\xff"), says: "a column that is cut short", broken: true},
		"columns that EOF does not follow":   {old: true, answer: packets("\x01", text, "\x00\x00\x01a", eofPacket), says: "columns without an end", broken: true},
		"a text beyond the packet":           {answer: packets("\x01", text, "\x00\x00\x05a"), says: "not what its columns are", broken: true},
		"a text of more than all memory":     {answer: packets("\x01", text, "\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), says: "not what its columns are", broken: true},
		"a length that is none":              {answer: packets("\x01", text, "\x00\x00\xfb"), says: "not what its columns are", broken: true},
		"a row without its NULLs":            {answer: packets("\x01", text, "\x00"), says: "not what its columns are", broken: true},
		"a row that goes on":                 {answer: packets("\x01", text, "\x00\x00\x01ab"), says: "not what its columns are", broken: true},
		"a number that is cut short":         {answer: packets("\x01", number, "\x00\x00\x01\x02\x03"), says: "not what its columns are", broken: true},
		"what is no row":                     {answer: packets("\x01", text, "\x01a"), says: "no row", broken: true},
		"another result":                     {answer: packets("\x01", text, "\xfe\x00\x00\x0a\x00\x00\x00"), says: "does not end", broken: true},
		"more than was asked for":            {answer: packets("\x01", text, okEnd) + "x", broken: true},
		"a type that nobody knows":           {answer: packets("\x01", toldColumn(99, 0, 0), "\x00\x00\x01a", okEnd), says: "type that rehome does not know"},
		"a moment of unknown digits":         {answer: packets("\x01", toldColumn(typeDateTime, 0, unfixed), "\x00\x00\x00", okEnd), says: "CAST it to DATETIME(6)"},
		"a time of too many digits":          {answer: packets("\x01", toldColumn(typeTime, 0, 7), "\x00\x00\x00", okEnd), says: "7 fractional digits"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, w, err := play(!c.old, c.answer)
			if diff := cmp.Diff(c.rows, rows); diff != "" {
				t.Error(diff)
			}
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if w.broken != c.broken {
				t.Errorf("broken is %v", w.broken)
			}
			var told *mysql.MySQLError
			if strings.HasPrefix(c.says, "Error") && !errors.As(err, &told) {
				t.Errorf("the server's error is a %T", err)
			}
		})
	}
	t.Run("other columns than were told when it was prepared", func(t *testing.T) {
		w := &wire{conn: script{says: strings.NewReader(packets(scriptedStatement) + packets("\x01\x00", "\x00\x00\x01a", okEnd))}, endsWithOK: true, keptMetadata: true}
		if rows, err := w.play(); err == nil || !strings.Contains(err.Error(), "other columns") || !w.broken {
			t.Errorf("got %v, %v", rows, err)
		}
	})
	t.Run("what rehome cannot read is the schema's fault", func(t *testing.T) {
		_, _, err := play(true, packets("\x01", toldColumn(typeTime, 0, unfixed), okEnd))
		if kind, _ := shard.KindOf(err); kind != shard.Schema {
			t.Errorf("got %v", err)
		}
	})
}

func TestPreparingIsAnswered(t *testing.T) {
	column := toldColumn(typeString, 0, 0)
	for name, c := range map[string]struct {
		old    bool
		answer string
		want   statement
		says   string
	}{
		"with parameters and columns":            {answer: packets("\x00\x07\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", column, column), want: statement{id: 7, params: 1}},
		"with EOF behind both":                   {old: true, answer: packets("\x00\x07\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", column, eofPacket, column, eofPacket), want: statement{id: 7, params: 1}},
		"with neither, and so no EOF":            {old: true, answer: packets(scriptedStatement), want: statement{id: 7}},
		"by a packet that is cut short":          {answer: packets(scriptedStatement[:8]), says: "cut short"},
		"by what is no statement":                {answer: packets("\x01\x07\x00\x00\x00\x00\x00\x00\x00"), says: "no statement"},
		"by a refusal":                           {answer: packets("\xff\x28\x04#42000syntax"), says: "Error 1064 (42000): syntax"},
		"by fewer columns than there should be":  {answer: packets("\x00\x07\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00", column), says: io.ErrUnexpectedEOF.Error()},
		"by parameters that nothing is known of": {answer: packets("\x00\x07\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", "\x03d"), says: "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{conn: script{says: strings.NewReader(c.answer)}, endsWithOK: !c.old}
			w.begin()
			s, err := w.prepare("SELECT")
			if left := w.limit - w.at; err == nil && left != 0 {
				t.Errorf("%d bytes are left", left)
			}
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || s.id != c.want.id || s.params != c.want.params {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

// Moments that no server sends are refused, where the digits of a pair would be none.
func TestValuesOutOfRange(t *testing.T) {
	for name, c := range map[string]struct {
		typed byte
		sent  string
		want  string // "" for none
	}{
		"a date":                        {typeDate, "\x04\xe4\x07\x00\x1f", "2020-00-31"},
		"a month of three digits":       {typeDate, "\x04\xe4\x07\x64\x1f", ""},
		"a year of five digits":         {typeDate, "\x04\x10\x27\x01\x01", ""},
		"a date of five bytes":          {typeDate, "\x05\xe4\x07\x01\x01\x01", ""},
		"a date of twelve bytes":        {typeDateTime, "\x0c\xe4\x07\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00", ""},
		"a second of three digits":      {typeDateTime, "\x07\xe4\x07\x01\x01\x01\x01\x64", ""},
		"a moment of a million parts":   {typeDateTime, "\x0b\xe4\x07\x01\x01\x01\x01\x01\x40\x42\x0f\x00", ""},
		"a minute of three digits":      {typeTime, "\x08\x00\x00\x00\x00\x00\x01\x64\x01", ""},
		"a time of a million parts":     {typeTime, "\x0c\x00\x00\x00\x00\x00\x01\x01\x01\x40\x42\x0f\x00", ""},
		"a time of seven bytes":         {typeTime, "\x07\x00\x00\x00\x00\x00\x01\x01", ""},
		"the longest time there can be": {typeTime, "\x08\x01\xff\xff\xff\xff\xff\x01\x01", "-103079215335:01:01"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, _, err := play(true, packets("\x01", toldColumn(c.typed, 0, 0), "\x00\x00"+c.sent, okEnd))
			if c.want == "" && err == nil || c.want != "" && (err != nil || rows[0][0] != c.want) {
				t.Errorf("got %q, %v", rows, err)
			}
		})
	}
}

// While a wide row is read, the one before is held no more, though its reader has not let go of it.
func TestOneWideRowIsHeldAtATime(t *testing.T) {
	const size = 8 << 20
	wide := "\x00\x00\xfd\x00\x00\x80" + strings.Repeat("x", size)
	answer := packets("\x01", toldColumn(typeString, 0, 0), wide, wide, okEnd)
	second := len(answer) - len(okEnd) - headerBytes - size
	before := heldBytes()
	looked := lookingReader(func() {
		if held := heldBytes(); held > before+3*size/2 { // the second is being read
			t.Errorf("%d bytes are held", held-before)
		}
	})
	w := &wire{conn: script{says: io.MultiReader(strings.NewReader(packets(scriptedStatement)+answer[:second]), looked, strings.NewReader(answer[second:]))}, endsWithOK: true}
	w.begin()
	defer w.end()
	s, err := w.prepare("SELECT")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	if err := s.run(nil, func([]value.Cell) error { rows++; return nil }); err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// A lookingReader looks when it is read, and is at its end.
type lookingReader func()

func (r lookingReader) Read([]byte) (int, error) {
	r()
	return 0, io.EOF
}

// FuzzAnswers has a server say anything: it is an error, or rows that lie in what it said.
func FuzzAnswers(f *testing.F) {
	all := "\x0c"
	var columns []string
	for _, typed := range []byte{1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 254} {
		columns = append(columns, toldColumn(typed, 0, 3))
	}
	f.Add(true, []byte(packets(append(append([]string{all}, columns...), "\x00"+strings.Repeat("\x00", 60), okEnd)...)))
	f.Add(false, []byte(packets("\x01", toldColumn(typeString, 0, 0), eofPacket, "\x00\x00\x01a", eofPacket)))
	f.Add(true, []byte("\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, endsWithOK bool, answer []byte) {
		rows, w, err := play(endsWithOK, string(answer))
		if err == nil && !w.broken && !bytes.Contains(answer, []byte{answerEnd}) && len(answer) > 4 && answer[4] != answerOK {
			t.Error("a result without an end has ended")
		}
		size := 0
		for _, row := range rows {
			for _, cell := range row {
				size += len(cell)
			}
		}
		if size > 32*len(answer)+64 {
			t.Errorf("%d bytes of values came of %d", size, len(answer))
		}
	})
}
