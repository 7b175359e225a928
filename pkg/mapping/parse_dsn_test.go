package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDSNTakesNamesFromTheEnvironment(t *testing.T) {
	env := environment(map[string]string{"PW": "s3cret", "EMPTY": ""})
	for _, test := range []struct {
		name, raw, value string
		unset            []string
	}{
		{"a name is replaced", "mysql://u:${PW}@h/db", "mysql://u:s3cret@h/db", nil},
		{"a name that is set to nothing is nothing", "mysql://u:${EMPTY}@h/db", "mysql://u:@h/db", nil},
		{"a dollar alone is a dollar", "mysql://u:a$PW@h/db", "mysql://u:a$PW@h/db", nil},
		{"one name that is not set leaves the whole empty", "mysql://${USER}:${PW}@${HOST}/${USER}", "", []string{"USER", "HOST"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, faults := Parse("", []byte(small+"legacy:\n  dsn: "+test.raw+"\n"), env)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			d := f.Legacy.DSN
			if d.Value() != test.value || d.Raw() != test.raw || !cmp.Equal(d.Unset, test.unset) {
				t.Errorf("value %q, raw %q, unset %q", d.Value(), d.Raw(), d.Unset)
			}
		})
	}
}

func TestNamesAreReplacedInDSNOnly(t *testing.T) {
	f, faults := Parse("", []byte(small+"      col: {const: \"${PW}\"}\n"), environment(map[string]string{"PW": "x"}))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := f.Tables[0].Columns[1].Const.Text; got != "${PW}" {
		t.Errorf("const is %q", got)
	}
}

func TestABrokenReferenceIsAFault(t *testing.T) {
	for _, raw := range []string{"mysql://u:s3cret@${H/db", "mysql://u:s3cret@${}/db", "mysql://u:s3cret@${A B}/db"} {
		_, faults := Parse("", []byte(small+"legacy:\n  dsn: "+raw+"\n"), nil)
		checkFaults(t, faults, []string{"10:8: legacy.dsn: a ${ is not followed by a name and } (write ${NAME} with letters, digits and _)"})
	}
}

func TestNoPasswordShows(t *testing.T) {
	env := environment(map[string]string{"PW": "s3cret"})
	for _, src := range []string{
		small + "legacy: mysql://u:s3cret@h/db\n",
		small + "legacy:\n  mysql://u:s3cret@h/db\n",
		small + "legacy: {mysql://u:s3cret@h/db}\n",
		small + "legacy: {mysql://u:s3cret@h/db: x}\n",
		small + "legacy: {dsn: {mysql://u:s3cret@h/db: x}}\n",
		small + "legacy: {dsn: [mysql://u:s3cret@h/db]}\n",
		small + "legacy:\n  dsn: mysql://u:s3cret@h/db: x\n",
		small + "legacy:\n  dsn: \"mysql://u:s3cret@h/db\n",
		small + "legacy:\n  dsn: mysql://u:${PW}@h/${db\n",
		small + "ignore: {'mysql://u:s3cret@h/db': }\n",
		small + "unknown: mysql://u:s3cret@h/db\n",
		small + "partial_date: mysql://u:s3cret@h/db\n",
		strings.Replace(small, "name: m", "name: mysql://u:s3cret@h/db", 1),
	} {
		t.Run(src[len(small)-20:], func(t *testing.T) {
			_, faults := Parse("migration.yaml", []byte(src), env)
			if len(faults) == 0 {
				t.Fatal("no fault, so nothing is tested")
			}
			if strings.Contains(faults.Error(), "s3cret") {
				t.Error(faults)
			}
		})
	}
}

func TestADSNPrintsAsNothing(t *testing.T) {
	f, faults := Parse("", []byte(small+"legacy:\n  dsn: mysql://u:s3cret@h/db\n"), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x", f.Legacy, f.Legacy, f.Legacy, f.Legacy.DSN, f.Legacy.DSN, f.Legacy.DSN)
	slog.New(slog.NewTextHandler(&out, nil)).Info("dsn", "dsn", f.Legacy.DSN, "legacy", f.Legacy)
	if err := json.NewEncoder(&out).Encode(f.Legacy); err != nil {
		t.Fatal(err)
	}
	out.Write(Canonical(f))
	if text := out.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "(dsn)") {
		t.Error(text)
	}
}
