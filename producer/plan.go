package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/shard"
	"rehome/pkg/telemetry"
)

func planCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.OutputForm)
	return bind(&cobra.Command{
		Use:   "plan",
		Short: "show waves, shards, their weights and what comes off for the load; write nothing",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, nil, func(session *session) error {
				draft, err := session.Plan(c.Context())
				if err != nil {
					return err
				}
				for _, w := range draft.Warnings {
					fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
				}
				out := describe(draft)
				if s.Output == "json" {
					enc := json.NewEncoder(c.OutOrStdout())
					enc.SetIndent("", "  ")
					return enc.Encode(out)
				}
				return out.text(c.OutOrStdout())
			})
		},
	}, s)
}

// A listing is what plan prints. Bounds of shards are not in it: they never leave the ledger.
type listing struct {
	Users     int64         `json:"users"`
	ShardRows int64         `json:"shard_rows"`
	Found     bool          `json:"shard_rows_found"` // by a probe, as the mapping says auto
	Waves     []listedWave  `json:"waves"`
	Tables    []listedTable `json:"tables"`
	Off       []listedPart  `json:"off_during_the_load"`
}

type listedWave struct {
	Name     string `json:"name"`
	Users    int64  `json:"users"`
	Shards   int    `json:"shards"`
	Lightest int64  `json:"lightest_rows"`
	Heaviest int64  `json:"heaviest_rows"`
}

type listedTable struct {
	Into string `json:"into"`
	From string `json:"from"`
	Rows int64  `json:"rows"`
}

type listedPart struct {
	Table string `json:"table"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
}

func describe(d *producer.Draft) listing {
	c, p, parts := d.Mapping, d.Plan, d.Parts
	out := listing{Users: p.Users, ShardRows: p.ShardRows, Found: c.File.Users.ShardRows == 0, Off: []listedPart{}}
	for i, wave := range c.File.Waves {
		out.Waves = append(out.Waves, listedWave{Name: wave.Name.Text, Users: p.Waves[i]})
	}
	out.Waves = append(out.Waves, listedWave{Name: "(rows of no user, and users who appear)"})
	for i := range p.Shards {
		out.Waves[p.Shards[i].Wave].count(&p.Shards[i])
	}
	for i, row := range c.Plans {
		out.Tables = append(out.Tables, listedTable{Into: row.Into, From: row.From, Rows: p.Rows[i]})
	}
	for _, part := range parts {
		out.Off = append(out.Off, listedPart{Table: part.Table, Name: part.Name, Kind: string(part.Kind)})
	}
	return out
}

func (w *listedWave) count(s *shard.Shard) {
	if w.Shards == 0 || s.Weight < w.Lightest {
		w.Lightest = s.Weight
	}
	w.Shards++
	w.Heaviest = max(w.Heaviest, s.Weight)
}

// found tells that nobody has chosen the size of shards.
func (l *listing) found() string {
	if l.Found {
		return ", as a probe has found for shard_rows: auto"
	}
	return ""
}

func (l *listing) text(w io.Writer) error {
	var b strings.Builder
	rows := [][]string{{"WAVE", "USERS", "SHARDS", "LIGHTEST", "HEAVIEST"}}
	for _, wave := range l.Waves {
		rows = append(rows, []string{wave.Name, report.Number(wave.Users), report.Number(int64(wave.Shards)),
			report.Number(wave.Lightest), report.Number(wave.Heaviest)})
	}
	report.Columns(&b, rows)
	fmt.Fprintf(&b, "\nshards of up to %s rows%s\n", report.Number(l.ShardRows), l.found())
	rows = [][]string{{"TABLE", "ROWS", "FROM"}}
	for _, t := range l.Tables {
		rows = append(rows, []string{t.Into, report.Number(t.Rows), t.From})
	}
	b.WriteByte('\n')
	report.Columns(&b, rows)
	fmt.Fprintf(&b, "\noff during the load, back and valid at its end: %d\n", len(l.Off))
	for _, p := range l.Off {
		fmt.Fprintf(&b, "  %-11s  %s of %s\n", strings.ReplaceAll(p.Kind, "_", " "), p.Name, p.Table)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
