package mapping

import (
	"slices"
	"strconv"
	"strings"
)

var fileShape = object(
	func(Pos) File {
		return File{MaxRowBytes: DefaultMaxRowBytes, Stop: Stop{Quarantined: DefaultQuarantined}}
	},
	checkFile, slices.Concat(fileFields, part(policyFields, func(f *File) *Policies { return &f.Policies }))...)

var fileFields = []field[File]{
	must("name", "the migration's name: 1 to 32 of a-z, 0-9 and _",
		pattern(`^[a-z0-9_]{1,32}$`, "1 to 32 of a-z, 0-9 and _"), func(f *File) *Word { return &f.Name }),
	may("namespace", "what uuids are made under, if not the name", entityShape, func(f *File) *Word { return &f.Namespace }),
	may("legacy", "where the users come from", legacyShape, func(f *File) *Legacy { return &f.Legacy }),
	may("target", "where the users go", targetShape, func(f *File) *Target { return &f.Target }),
	must("users", "the keyspace that is split into shards", usersShape, func(f *File) *Users { return &f.Users }),
	may("waves", "cohorts, in order; each takes whom its condition matches and no earlier wave took",
		listOf(waveShape), func(f *File) *[]Wave { return &f.Waves }),
	may("waves_live", "true: people already use the target between waves; refused until it exists",
		boolShape, func(f *File) *bool { return &f.WavesLive }),
	must("tables", "what feeds which table of the target", listOf(entryShape), func(f *File) *[]Entry { return &f.Tables }),
	may("ordered_uuids", "entities whose uuids are of version 8 and sort as their keys do, which must be integers; anybody who sees such a uuid "+
		"sees the old number, and who came first. All others are of version 5",
		listOf(entityShape), func(f *File) *[]Word { return &f.Ordered }),
	may("ignore", "legacy tables that are left where they are, each with a word why",
		reasonsShape, func(f *File) *[]Reason { return &f.Ignore }),
	may("stop", "when a run gives up by itself", stopShape, func(f *File) *Stop { return &f.Stop }),
	may("max_row_bytes", "a wider row quarantines its user; 64MiB by default", sizeShape, func(f *File) *int64 { return &f.MaxRowBytes }),
}

var legacyShape = object(func(at Pos) Legacy { return Legacy{Pos: at} }, nil,
	may("dsn", "mysql://user:password@host:3306/database; ${NAME} is taken from the environment",
		dsnShape, func(l *Legacy) *DSN { return &l.DSN }),
	may("time_zone", "the zone that DATETIME values were written in; MySQL does not store it",
		timeZoneShape, func(l *Legacy) *Word { return &l.TimeZone }),
	may("accept_unproved", "why a source that was not proved unchanged is good enough",
		acceptShape, func(l *Legacy) *Word { return &l.AcceptUnproved }))

var acceptShape = pattern(`\S`, "say why")

var targetShape = object(func(at Pos) Target { return Target{Pos: at} }, nil,
	may("dsn", "postgres://user:password@host:5432/database; ${NAME} is taken from the environment",
		dsnShape, func(t *Target) *DSN { return &t.DSN }),
	may("database", "the name that the database must have", nameShape, func(t *Target) *Word { return &t.Database }))

var usersShape = object(func(at Pos) Users { return Users{ShardRows: DefaultShardRows, Pos: at} }, nil,
	must("from", "the table of users", fromShape, func(u *Users) *Expr { return &u.From }),
	must("key", "the user's key: an expression, or a list of them", keyExprs, func(u *Users) *[]Expr { return &u.Key }),
	may("shard_rows", "a shard's weight: the users' own rows plus all rows that hang off them; 20000 by default, and auto is what a probe of the population comes to",
		shardRowsShape, func(u *Users) *int { return &u.ShardRows }))

var waveShape = object(func(at Pos) Wave { return Wave{Pos: at} }, nil,
	must("name", "the wave's name", nameShape, func(w *Wave) *Word { return &w.Name }),
	may("where", "whom the wave takes; sees users.from alone. The last wave has none",
		whereShape, func(w *Wave) **Expr { return &w.Where }),
	may("gate", "what has to hold of the wave before the next one is published; stop.quarantined unless given. The last wave has none",
		gateShape, func(w *Wave) **Gate { return &w.Gate }))

var gateShape = maybe(object(func(at Pos) Gate { return Gate{Pos: at} }, nil,
	must("quarantined", "the share of the wave's users tried that may be quarantined, as in 1%; of ever so few of them",
		percentShape, func(g *Gate) *float64 { return &g.Quarantined })))

var stopShape = object(func(at Pos) Stop { return Stop{Quarantined: DefaultQuarantined, Pos: at} }, nil,
	may("quarantined", "a share of the users tried, after 1,000; 5% by default", percentShape, func(s *Stop) *float64 { return &s.Quarantined }))

func checkFile(at place, given keys, f *File) {
	if f.Namespace.Text == "" {
		f.Namespace = f.Name
	}
	if f.WavesLive {
		at.key("waves_live", given["waves_live"], nil).fault("take it out", "waves_live: true is not supported yet")
	}
	if _, ok := given["waves"]; !ok {
		f.Waves = []Wave{{Name: Word{Text: DefaultWave}}}
	}
	checkWaves(at, f.Waves)
	checkOrdered(at, f.Ordered)
}

// checkOrdered sorts the entities of ordered_uuids by name; each stands there once.
func checkOrdered(at place, entities []Word) {
	first := keys{}
	for i, e := range entities {
		if before, ok := first[e.Text]; ok {
			place{at.reading, "ordered_uuids[" + strconv.Itoa(i) + "]", e.Pos}.fault("", "%s stands here twice, first in line %d", shown(e.Text), before.Line)
		}
		first[e.Text] = e.Pos
	}
	slices.SortFunc(entities, func(a, b Word) int { return strings.Compare(a.Text, b.Text) })
}

func checkWaves(at place, waves []Wave) {
	names := unique{at: at, list: "waves", field: "name"}
	for i, w := range waves {
		names.add(i, w.Name.Text, w.Name.Pos)
		in := place{at.reading, names.path(i), w.Pos}
		switch last := i == len(waves)-1; {
		case last && w.Where != nil:
			in.path += ".where"
			in.at(w.Where.Pos).fault("take where out, or add a last wave without it", "the last wave takes all that is left, and has no condition")
		case !last && w.Where == nil:
			in.fault("only the last wave takes all that is left", "where is missing")
		}
		if i == len(waves)-1 && w.Gate != nil {
			in.path = names.path(i) + ".gate"
			in.at(w.Gate.Pos).fault("take gate out; stop.quarantined is for the run as a whole", "the last wave has no gate: nothing is published behind it")
		}
	}
}

// unique reports the second element of a list that has the same name.
type unique struct {
	at          place
	list, field string
	first       map[string]int
}

func (u *unique) path(i int) string { return u.list + "[" + strconv.Itoa(i) + "]" }

func (u *unique) add(i int, name string, pos Pos) {
	if name == "" {
		return // missing, and reported as that
	}
	if first, ok := u.first[name]; ok {
		in := place{u.at.reading, u.path(i) + "." + u.field, pos}
		in.fault("", "%s is already the %s of %s", shown(name), u.field, u.path(first))
		return
	}
	if u.first == nil {
		u.first = map[string]int{}
	}
	u.first[name] = i
}
