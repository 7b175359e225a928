package preflight

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	hashSize   = 16
	recordSize = hashSize + 8 + 8 + 4

	buckets    = 256
	blockBytes = 8 << 10 // of a bucket, in memory; a multiple of no record, so that a block is filled with whole ones
)

// A record is a row under one unique constraint.
type record struct {
	hash [hashSize]byte // of what must be unique: keyed, so that it tells nothing to others
	unit uint64         // of whose row it is, see unitHash
	row  uint64         // of the row itself: a row that was read twice is one
	part uint32         // where the row can be read again
}

// A spill holds any number of records, sorts those together that have one hash, and keeps a few blocks of each bucket's hashes in
// memory: the rest is in a temporary file, that is made when the first block is full.
type spill struct {
	create  func() (File, error)
	file    File
	size    int64
	room    int // bytes of a block
	pending [buckets][]byte
	blocks  [buckets][]block
}

// A block is a run of whole records in the file.
type block struct {
	at   int64
	size int
}

func newSpill(create func() (File, error)) *spill {
	return &spill{create: create, room: blockBytes / recordSize * recordSize}
}

// add takes a record.
func (s *spill) add(r record) error {
	bucket := r.hash[0]
	if s.pending[bucket] == nil {
		s.pending[bucket] = make([]byte, 0, min(s.room, 16*recordSize))
	}
	b := s.pending[bucket]
	b = append(b, r.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, r.unit)
	b = binary.BigEndian.AppendUint64(b, r.row)
	b = binary.BigEndian.AppendUint32(b, r.part)
	s.pending[bucket] = b
	if len(b) < s.room {
		return nil
	}
	return s.flush(int(bucket))
}

func (s *spill) flush(bucket int) error {
	if s.file == nil {
		file, err := s.create()
		if err != nil {
			return fmt.Errorf("make a temporary file for the hashes of unique keys: %w", err)
		}
		s.file = file
	}
	b := s.pending[bucket]
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return fmt.Errorf("write the hashes of unique keys to a temporary file: %w; free space there, or set TMPDIR", err)
	}
	s.blocks[bucket] = append(s.blocks[bucket], block{s.size, len(b)})
	s.size += int64(len(b))
	s.pending[bucket] = b[:0]
	return nil
}

// groups hands each group of two or more different rows of one hash to yield, which must not keep it. One bucket at a time is in
// memory: a 256th of all records.
func (s *spill) groups(keep func(unit uint64) bool, yield func([]record) error) error {
	for bucket := range s.pending {
		records, err := s.bucket(bucket, keep)
		if err != nil {
			return err
		}
		slices.SortFunc(records, func(a, b record) int {
			// Of a row that was read twice the last reading stays, which did not fail.
			return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), cmp.Compare(a.row, b.row), cmp.Compare(b.part, a.part))
		})
		records = slices.CompactFunc(records, func(a, b record) bool { return a.hash == b.hash && a.row == b.row })
		for len(records) > 0 {
			n := 1
			for n < len(records) && records[n].hash == records[0].hash {
				n++
			}
			if n > 1 {
				if err := yield(records[:n:n]); err != nil {
					return err
				}
			}
			records = records[n:]
		}
	}
	return nil
}

// bucket returns the bucket's records of the units to keep.
func (s *spill) bucket(bucket int, keep func(unit uint64) bool) ([]record, error) {
	n := len(s.pending[bucket])
	for _, b := range s.blocks[bucket] {
		n += b.size
	}
	records := make([]record, 0, n/recordSize)
	records = decode(records, s.pending[bucket], keep)
	room := make([]byte, s.room)
	for _, b := range s.blocks[bucket] {
		if _, err := s.file.ReadAt(room[:b.size], b.at); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the hashes of unique keys from a temporary file: %w", err)
		}
		records = decode(records, room[:b.size], keep)
	}
	return records, nil
}

func decode(records []record, b []byte, keep func(unit uint64) bool) []record {
	for ; len(b) >= recordSize; b = b[recordSize:] {
		var r record
		copy(r.hash[:], b)
		r.unit = binary.BigEndian.Uint64(b[hashSize:])
		r.row = binary.BigEndian.Uint64(b[hashSize+8:])
		r.part = binary.BigEndian.Uint32(b[hashSize+16:])
		if keep(r.unit) {
			records = append(records, r)
		}
	}
	return records
}

// close lets go of the file.
func (s *spill) close() {
	if s.file != nil {
		_ = s.file.Close() // nothing in it is wanted any more
	}
}
