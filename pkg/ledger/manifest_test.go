package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// line is a row of the manifest as SQL reads it.
type line struct {
	Entry, Block           int
	Unit                   int32
	Target, Legacy, Digest string
}

func TestTheManifestHoldsWhatWasListed(t *testing.T) {
	book := newBench(t).claimed()
	row := func(unit int32, target, legacy []byte) shard.Arrived {
		return shard.Arrived{Unit: unit, TargetKey: target, LegacyKey: legacy, Digest: checksum.Row("app.t", target)}
	}
	long := bytes.Repeat([]byte{0, 0xff}, 50_000)
	listings := [][]shard.Block{
		{{Entry: 3, Rows: []shard.Arrived{row(0, []byte("t0"), []byte{1}), row(1<<31-1, nil, nil)}}, {Entry: 4}, {Entry: 0, Rows: []shard.Arrived{row(7, long, long)}}},
		{},
		{{Entry: 3, Rows: []shard.Arrived{row(2, []byte{}, []byte{2})}}},
	}
	var want []line
	block := 0
	for _, blocks := range listings {
		if err := book.Blocks(t.Context(), blocks); err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			for _, r := range b.Rows {
				want = append(want, line{b.Entry, block, r.Unit, hex.EncodeToString(r.TargetKey), hex.EncodeToString(r.LegacyKey), r.Digest.String()})
			}
			block++
		}
	}
	rows, err := book.Tx().Query(t.Context(), `
		SELECT entry, block, unit, encode(target, 'hex'), encode(legacy, 'hex'), encode(substr(digests, (16 * position - 15)::int, 16), 'hex')
		  FROM rehome.manifest CROSS JOIN LATERAL unnest(units, target_keys, legacy_keys) WITH ORDINALITY AS u (unit, target, legacy, position)
		 WHERE migration = 'm' AND ordinal = 0 AND generation = 0 ORDER BY block, position`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAManifestIsTheSameWhateverRoomItsReaderHas(t *testing.T) {
	id := shard.ID{Migration: "m", Ordinal: 5}
	key := rapid.SliceOfN(rapid.Byte(), 0, 30)
	rows := rapid.Custom(func(t *rapid.T) shard.Arrived {
		return shard.Arrived{Unit: rapid.Int32().Draw(t, "unit"), TargetKey: key.Draw(t, "target"), LegacyKey: key.Draw(t, "legacy")}
	})
	blocks := rapid.Custom(func(t *rapid.T) shard.Block {
		return shard.Block{Entry: 1, Rows: rapid.SliceOfN(rows, 0, 5).Draw(t, "rows")}
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(blocks, 0, 3).Draw(t, "blocks")
		whole := make([]byte, 1<<16)
		n, err := newManifest(id, 2, list).Read(whole)
		if err != nil {
			t.Fatal(err)
		}
		m, got := newManifest(id, 2, list), []byte(nil)
		for {
			room := make([]byte, rapid.IntRange(1, 40).Draw(t, "room"))
			n, err := m.Read(room)
			got = append(got, room[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || n == 0 {
				t.Fatal(fmt.Errorf("%d bytes: %w", n, err))
			}
		}
		if !bytes.Equal(got, whole[:n]) {
			t.Fatalf("got %x, want %x", got, whole[:n])
		}
	})
}
