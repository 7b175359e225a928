package worker

import (
	"time"

	"rehome/pkg/shard"
	"rehome/pkg/transfer"
)

// A window is to take between these: one that takes long holds up a pause, and holds memory; one that takes no time is all round trips.
const (
	longWindow  = 2 * time.Second
	shortWindow = 500 * time.Millisecond
)

// Bounds of a window's encoded bytes.
const (
	leastWindow = 256 << 10
	mostWindow  = 8 << 20
)

// A window is how many encoded bytes a slot copies and reads back at once. Its zero value is the most. It is for one goroutine.
type window struct{ bytes int }

// limits returns what a shard may take that is begun now: never more than the worker's.
func (w *window) limits(own transfer.Limits) transfer.Limits {
	if w.bytes > 0 && (own.WindowBytes == 0 || w.bytes < own.WindowBytes) {
		own.WindowBytes = w.bytes
	}
	return own
}

// follow goes by how long the windows of a shard have taken that is done: as many bytes as it has copied, in so long.
func (w *window) follow(t *shard.Timing, own transfer.Limits) {
	most := mostWindow
	if own.WindowBytes > 0 {
		most = own.WindowBytes
	}
	size := most
	if w.bytes > 0 {
		size = min(w.bytes, most)
	}
	if t == nil || t.Bytes == 0 {
		return
	}
	full := int(min(int64(size), t.Bytes)) // as a shard of fewer bytes has one that is not full
	took := time.Duration(float64(t.In(shard.Copying)+t.In(shard.ReadingBack)) * float64(full) / float64(t.Bytes))
	switch {
	case took > longWindow:
		size = max(full/2, min(leastWindow, most))
	case took < shortWindow && full == size:
		size = min(2*size, most)
	}
	w.bytes = size
}
