package value

import "time"

// The words of outcomes and policies, as they are written in a mapping.
const (
	Reject   = "reject"   // refuse the value; what the empty word means too
	Keep     = "keep"     // go on with the value as it is
	ToNull   = "to_null"  // put NULL in its place
	To       = "to"       // put the text To in its place
	First    = "first"    // the first month or day in place of a 00; the first of two instants
	Second   = "second"   // the second of two instants
	Forward  = "forward"  // as a clock shows it that was not put forward
	Last     = "last"     // the last of several members of one name
	Strip    = "strip"    // take the offending bytes out
	CP1252   = "cp1252"   // read the bytes as MySQL's latin1
	Clamp    = "clamp"    // take the nearest value that the target can hold
	Truncate = "truncate" // keep as many characters as the target can hold
)

// An Outcome is what becomes of an old value: Word is Reject, Keep, ToNull or To, and To is the text of the target type that To
// puts in its place. The zero Outcome rejects.
type Outcome struct{ Word, To string }

// A Policy is what becomes of a value that the target cannot hold. Which words it knows depends on its name in Rules; To is the
// text that the word To puts in place of the value (zero_date) or of the offending bytes (nul_byte, bad_text). The zero Policy
// rejects. A policy whose word is not empty is called declared.
type Policy struct{ Word, To string }

// Rules are what the mapping declares for a column. They act in the order of the fields. A policy that has nothing to do with the
// two types of a column is ignored, so that one set of policies can stand for a whole file.
type Rules struct {
	Steps     []Step
	Values    map[string]Outcome // by the legacy text, byte for byte; nil for no map
	Otherwise Outcome            // of what Values does not list
	IfNull    *string            // the text of the target type in place of NULL

	ZeroDate    Policy // 0000-00-00 alone, with or without a time of zeros: reject, to_null, to
	PartialDate Policy // month or day 00: reject, to_null, first
	NulByte     Policy // in text: reject, strip, to
	BadText     Policy // not UTF-8: reject, cp1252, strip, to
	OutOfRange  Policy // of a number or a time: reject, to_null, clamp
	TooLong     Policy // more characters than the target's length: reject, truncate
	JSONNul     Policy // \u0000 in JSON: reject, strip

	// JSONDuplicate is for names that an object has twice, with different values, of which jsonb keeps one: reject, last.
	JSONDuplicate Policy
	DSTGap        Policy // a local time that the clocks of Zone have skipped: reject, to_null, forward
	DSTOverlap    Policy // a local time that they have shown twice: reject, to_null, first, second

	Zone *time.Location // in which DATETIME values were written; nil is UTC
}

// policies returns the policies of r by name with the words that each knows.
func (r *Rules) policies() []declared {
	return []declared{
		{zeroDate, r.ZeroDate, []string{Reject, ToNull, To}},
		{partialDate, r.PartialDate, []string{Reject, ToNull, First}},
		{nulByte, r.NulByte, []string{Reject, Strip, To}},
		{badText, r.BadText, []string{Reject, CP1252, Strip, To}},
		{outOfRange, r.OutOfRange, []string{Reject, ToNull, Clamp}},
		{tooLong, r.TooLong, []string{Reject, Truncate}},
		{jsonNul, r.JSONNul, []string{Reject, Strip}},
		{jsonDuplicate, r.JSONDuplicate, []string{Reject, Last}},
		{dstGap, r.DSTGap, []string{Reject, ToNull, Forward}},
		{dstOverlap, r.DSTOverlap, []string{Reject, ToNull, First, Second}},
	}
}

// The names of the policies that came last.
const (
	jsonDuplicate = "json_duplicate"
	dstOverlap    = "dst_overlap"
)

// A declared policy is one with its name.
type declared struct {
	name  Fault
	rule  Policy
	words []string
}

// keeps tells whether a value can get past the map unchanged, so that the free conversion of its type is needed.
func (r *Rules) keeps() bool {
	if r.Values == nil || r.Otherwise.Word == Keep {
		return true
	}
	for _, o := range r.Values {
		if o.Word == Keep {
			return true
		}
	}
	return false
}
