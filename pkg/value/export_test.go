package value

// Stages is a program without its short way.
func (p *Program) Stages(dst []byte, in Cell) (out []byte, null bool, hit Hit, fault Fault) {
	return p.run(dst, in)
}

var (
	Characters    = characters
	PlainUUID     = plainUUID
	ReadFloat     = readFloat
	ReadPlainDate = readPlainDate
)

// Steady returns how far a zone is ahead of UTC, by its list and by its rules, at a local time in microseconds since 2000-01-01. Known is
// false where the list does not say, and one where the rules know of one instant with that local time.
func Steady(p Rules) func(wall int64) (listed int64, known bool, ruled int64, one bool) {
	c := &compiler{rules: p}
	s, clock := steadyOf(p.Zone), c.wallClock(p.Zone)
	return func(wall int64) (int64, bool, int64, bool) {
		listed, known := s.ahead(wall)
		ruled, doubt := clock.ahead(wall)
		return listed, known, ruled, doubt == nil
	}
}
