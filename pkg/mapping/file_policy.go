package mapping

// Policies say what becomes of values that the target cannot hold as they are. The zero value of each says nothing: the
// entry's or the file's policy holds, and in the end reject.
type Policies struct {
	ZeroDate      Policy `json:"zero_date,omitzero"`
	PartialDate   Policy `json:"partial_date,omitzero"`
	NulByte       Policy `json:"nul_byte,omitzero"`
	BadText       Policy `json:"bad_text,omitzero"`
	OutOfRange    Policy `json:"out_of_range,omitzero"`
	TooLong       Policy `json:"too_long,omitzero"`
	JSONNul       Policy `json:"json_nul,omitzero"`
	JSONDuplicate Policy `json:"json_duplicate,omitzero"`
	DSTGap        Policy `json:"dst_gap,omitzero"`
	DSTOverlap    Policy `json:"dst_overlap,omitzero"`
	KeepOriginals *bool  `json:"keep_originals,omitempty"`
}

// Policy is one policy's outcome. To is the replacement where Do is PolicyTo.
type Policy struct {
	Do  PolicyDo `json:"do"`
	To  string   `json:"to,omitempty"`
	Pos Pos      `json:"-"`
}

// PolicyDo is the word of a Policy.
type PolicyDo string

// The words of policies. Which of them a policy allows stands in its schema.
const (
	PolicyReject   PolicyDo = "reject"
	PolicyToNull   PolicyDo = "to_null"
	PolicyFirst    PolicyDo = "first"
	PolicyStrip    PolicyDo = "strip"
	PolicyCP1252   PolicyDo = "cp1252"
	PolicyClamp    PolicyDo = "clamp"
	PolicyTruncate PolicyDo = "truncate"
	PolicyTo       PolicyDo = "to"
	PolicyLast     PolicyDo = "last"
	PolicyForward  PolicyDo = "forward"
	PolicySecond   PolicyDo = "second"
)

// Or is p, with what p does not say taken from wider: column.Or(entry).Or(file).
func (p Policies) Or(wider Policies) Policies {
	return Policies{
		ZeroDate:      p.ZeroDate.or(wider.ZeroDate),
		PartialDate:   p.PartialDate.or(wider.PartialDate),
		NulByte:       p.NulByte.or(wider.NulByte),
		BadText:       p.BadText.or(wider.BadText),
		OutOfRange:    p.OutOfRange.or(wider.OutOfRange),
		TooLong:       p.TooLong.or(wider.TooLong),
		JSONNul:       p.JSONNul.or(wider.JSONNul),
		JSONDuplicate: p.JSONDuplicate.or(wider.JSONDuplicate),
		DSTGap:        p.DSTGap.or(wider.DSTGap),
		DSTOverlap:    p.DSTOverlap.or(wider.DSTOverlap),
		KeepOriginals: orBool(p.KeepOriginals, wider.KeepOriginals),
	}
}

func (p Policy) or(wider Policy) Policy {
	if p.Do == "" {
		return wider
	}
	return p
}

func orBool(narrow, wide *bool) *bool {
	if narrow == nil {
		return wide
	}
	return narrow
}
