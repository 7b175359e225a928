package mapping

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// replacement is how a policy or an otherwise gives a new value, if at all.
type replacement int

const (
	noReplacement replacement = iota
	inMap                     // {to: TEXT}
	plain                     // TEXT
)

// outcome is a word, or "to" with the new value.
type outcome struct {
	do, to string
	pos    Pos
}

var toShape = object(func(Pos) Word { return Word{} }, nil,
	must("to", "the new value", textShape(`write "" for the empty text, to_null for NULL`), func(w *Word) *Word { return w }))

// wordOr is one of the words, or a new value.
func wordOr(with replacement, words ...string) shape[outcome] {
	s := &schema{Enum: words}
	switch with {
	case inMap:
		s = &schema{AnyOf: []*schema{s, toShape.schema}}
	case plain:
		s = &schema{Type: scalarTypes}
	}
	return shape[outcome]{s, func(at place, n ast.Node) outcome {
		if with == inMap && kindOf(n) == kindMap {
			return outcome{"to", toShape.read(at, n).Text, at.pos}
		}
		text, ok := at.text(n, "one of "+strings.Join(words, ", "))
		switch {
		case !ok:
		case slices.Contains(words, text):
			return outcome{do: text, pos: at.pos}
		case with == plain && !wrongWord(text, words):
			return outcome{"to", text, at.pos}
		default:
			at.fault(didYouMean(text, words), "%s is not known here", shown(text))
		}
		return outcome{pos: at.pos}
	}}
}

// wrongWord reports whether a text is rather a wrong word than a new value.
func wrongWord(text string, words []string) bool {
	others := []string{"to_null", "first", "strip", "cp1252", "clamp", "truncate", "keep", "null"}
	return slices.Contains(others, strings.ToLower(text)) || Suggest(text, words) != ""
}

func policyShape(with replacement, words ...string) shape[Policy] {
	of := wordOr(with, words...)
	return shape[Policy]{of.schema, func(at place, n ast.Node) Policy {
		o := of.read(at, n)
		return Policy{PolicyDo(o.do), o.to, o.pos}
	}}
}

// policyFields are keys of a column, an entry and the file alike.
var policyFields = []field[Policies]{
	may("zero_date", "0000-00-00: reject (default), to_null, or the text to write instead",
		policyShape(plain, "reject", "to_null"), func(p *Policies) *Policy { return &p.ZeroDate }),
	may("partial_date", "2020-00-15 and 2020-05-00: reject (default), to_null, or first, the first month or day",
		policyShape(noReplacement, "reject", "to_null", "first"), func(p *Policies) *Policy { return &p.PartialDate }),
	may("nul_byte", "a NUL byte in a text: reject (default), strip, or {to: TEXT}",
		policyShape(inMap, "reject", "strip"), func(p *Policies) *Policy { return &p.NulByte }),
	may("bad_text", "bytes that are no UTF-8: reject (default), cp1252, strip, or {to: TEXT}",
		policyShape(inMap, "reject", "cp1252", "strip"), func(p *Policies) *Policy { return &p.BadText }),
	may("out_of_range", "a number that the target type cannot hold: reject (default), to_null, or clamp",
		policyShape(noReplacement, "reject", "to_null", "clamp"), func(p *Policies) *Policy { return &p.OutOfRange }),
	may("too_long", "a text longer than the target column: reject (default), or truncate",
		policyShape(noReplacement, "reject", "truncate"), func(p *Policies) *Policy { return &p.TooLong }),
	may("json_nul", `a \u0000 inside json: reject (default), or strip`,
		policyShape(noReplacement, "reject", "strip"), func(p *Policies) *Policy { return &p.JSONNul }),
	may("json_duplicate", "a name that an object has twice, with other values, where jsonb keeps one: reject (default), or last",
		policyShape(noReplacement, "reject", "last"), func(p *Policies) *Policy { return &p.JSONDuplicate }),
	may("dst_gap", "a local time that the clocks have skipped: reject (default), to_null, or forward, 03:30 for 02:30",
		policyShape(noReplacement, "reject", "to_null", "forward"), func(p *Policies) *Policy { return &p.DSTGap }),
	may("dst_overlap", "a local time that the clocks have shown twice: reject (default), to_null, first, or second",
		policyShape(noReplacement, "reject", "to_null", "first", "second"), func(p *Policies) *Policy { return &p.DSTOverlap }),
	may("keep_originals", "true keeps the legacy bytes of each value that a rule has changed so that something of it is lost: in rehome.original, beside the new value",
		maybe(boolShape), func(p *Policies) **bool { return &p.KeepOriginals }),
}
