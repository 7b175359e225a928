package report

import (
	"strings"
	"time"
)

// A Discarded is a shard that a person has let go: what is in it counts as left out.
type Discarded struct {
	Shard  int       `json:"shard"`
	Users  int64     `json:"users"`
	Rows   int64     `json:"rows"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (r *Report) discarded(b *strings.Builder) {
	rows := [][]string{{"DISCARDED SHARD", "USERS", "ROWS", "AT", "REASON"}}
	for _, d := range r.Discarded {
		rows = append(rows, []string{Number(int64(d.Shard)), Number(d.Users), Number(d.Rows), d.At.UTC().Format("2006-01-02 15:04 UTC"), cut(d.Reason, 200)})
	}
	section(b, rows)
}
