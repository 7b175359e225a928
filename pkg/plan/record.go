package plan

import "rehome/pkg/mapping"

// A Record is what the ledger keeps of a plan beside its shards: what was counted, and all that a worker or a later start needs to
// compile the mapping just as it was compiled then.
type Record struct {
	Users     int64                  `json:"users"`
	ShardRows int64                  `json:"shard_rows,omitempty"` // weight of a shard; 0 in a plan of a release that did not tell
	Waves     []Wave                 `json:"waves"`
	Entries   []Entry                `json:"entries"`
	TimeZone  string                 `json:"time_zone,omitempty"` // legacy.time_zone: it changes values, and is not in the mapping's hash
	Accepted  string                 `json:"accept_unproved,omitempty"`
	Catalog   *mapping.TargetCatalog `json:"catalog"`          // the fed tables as they were before the load took constraints off
	Checks    []string               `json:"checks,omitempty"` // checksums of the row sources, where the legacy server has no binlog
	Redo      *Redo                  `json:"redo,omitempty"`
	Again     *Again                 `json:"again,omitempty"`
}

// A Redo tells who is to be done again and has no shards for that yet.
type Redo struct {
	From     []string `json:"from,omitempty"` // hashes of mappings: whoever these kept out for what the mapping of now has an outcome for
	Everyone bool     `json:"everyone,omitempty"`
}

// An Again is when it was last said that everyone is to be done again: what was read before does not count any more.
type Again struct {
	Position string   `json:"position"`         // of the legacy binlog then
	Checks   []string `json:"checks,omitempty"` // as in Record, taken then
	Since    uint64   `json:"since"`            // transaction of the target behind which everyone is read again
}

// A Wave is a planned cohort.
type Wave struct {
	Name  string `json:"name"`
	Users int64  `json:"users"`
}

// An Entry is an entry of the mapping with the rows of its row source, and the key by which its rows are found in the target.
type Entry struct {
	Into    string   `json:"into"`
	From    string   `json:"from"`
	Rows    int64    `json:"rows"`
	Key     []string `json:"key"`      // the read-back key's columns
	KeyName string   `json:"key_name"` // of its constraint or index
}

// Record returns what the ledger keeps of the plan. The caller adds TimeZone, Accepted, Catalog and Checks.
func (p *Plan) Record(m *mapping.Compiled) Record {
	r := Record{Users: p.Users, ShardRows: p.ShardRows}
	for i, wave := range m.File.Waves {
		r.Waves = append(r.Waves, Wave{Name: wave.Name.Text, Users: p.Waves[i]})
	}
	for i, row := range m.Plans {
		e := Entry{Into: row.Into, From: row.From, Rows: p.Rows[i], KeyName: row.KeyName}
		for _, at := range row.KeyColumns {
			e.Key = append(e.Key, row.Columns[at].Name)
		}
		r.Entries = append(r.Entries, e)
	}
	return r
}
