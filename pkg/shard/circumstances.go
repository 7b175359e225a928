package shard

// Circumstances are what the last attempt at a shard was made with, as far as somebody can change it. What could not be had is empty.
type Circumstances struct {
	Mapping  string `json:"mapping,omitempty"`  // hash
	Rehome   string `json:"rehome,omitempty"`   // version of the program that tried it
	Position string `json:"position,omitempty"` // of the legacy binlog at the snapshot that was read
	Legacy   string `json:"legacy,omitempty"`   // fingerprint of the tables that the mapping stands on
	Target   string `json:"target,omitempty"`   // hash of the fed tables with all that acts on their rows, see target.Laws
}

// Changed tells, in words, what is not the same by now or may not be, as it was not known then or is not known now; none means that
// another attempt would meet what the last one met.
func (c Circumstances) Changed(now Circumstances) (what []string) {
	for _, each := range []struct{ then, now, changed, unknown string }{
		{c.Mapping, now.Mapping, "the mapping", "the mapping"},
		{c.Rehome, now.Rehome, "the version of rehome", "the version of rehome"},
		{c.Position, now.Position, "the legacy database", "the legacy database, of which no binlog tells,"},
		{c.Legacy, now.Legacy, "the legacy schema", "the legacy schema"},
		{c.Target, now.Target, "the target's tables, their constraints or triggers", "the target's tables"},
	} {
		switch {
		case each.then == "" || each.now == "":
			what = append(what, each.unknown+" may have changed")
		case each.then != each.now:
			what = append(what, each.changed+" changed")
		}
	}
	return what
}
