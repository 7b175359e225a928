package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Topology says how the servers keep a migration's streams. The zero Topology is one copy of each, on disk, within the sizes that
// a migration of some hundred thousand shards needs.
type Topology struct {
	Replicas int   // copies of each stream, 1, 3 or 5; 0 is what the stream has, and 1 for a new one
	Memory   bool  // keep them in memory, from where a restart of the servers takes them; the ledger can fill them again
	MaxBytes int64 // of each stream; 0 is 256 MiB, and 1 GiB for the receipts
}

// on returns the configuration as the topology wants it; Replicas may be 0.
func (t Topology) on(c jetstream.StreamConfig) jetstream.StreamConfig {
	c.Replicas = t.Replicas
	if t.Memory {
		c.Storage = jetstream.MemoryStorage
	}
	if t.MaxBytes > 0 {
		c.MaxBytes = t.MaxBytes
	}
	return c
}

// meet returns what is wanted of a stream that is there already, or why it cannot be had.
func meet(want, have jetstream.StreamConfig) (jetstream.StreamConfig, error) {
	if want.Storage != have.Storage {
		return want, fmt.Errorf("it is kept in %[1]s, which cannot be changed to %[2]s: say NATS_STORAGE=%[1]s, or take it away with "+
			"\"nats stream rm %[3]s\" while no worker runs: the next producer run makes and fills it again", word(have.Storage), word(want.Storage), want.Name)
	}
	if want.Replicas == 0 {
		want.Replicas = have.Replicas
	}
	want.Placement = have.Placement
	return want, nil
}

func word(s jetstream.StorageType) string {
	if s == jetstream.MemoryStorage {
		return "memory"
	}
	return "file"
}

// Codes by which JetStream refuses a stream for want of room or of servers.
const (
	accountLimits    jetstream.ErrorCode = 10002
	noPeers          jetstream.ErrorCode = 10005
	noResources      jetstream.ErrorCode = 10023
	tooManyStreams   jetstream.ErrorCode = 10027
	noMemory         jetstream.ErrorCode = 10028
	noStorage        jetstream.ErrorCode = 10047
	notMade          jetstream.ErrorCode = 10049
	tooManyReplicas  jetstream.ErrorCode = 10074
	notStored        jetstream.ErrorCode = 10077
	maxBytesTooLarge jetstream.ErrorCode = 10122
)

// remedied adds what to do to a refusal of the server to keep a stream as it was wanted.
func remedied(err error, want jetstream.StreamConfig) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	var next string
	switch api.ErrorCode {
	case tooManyReplicas, noPeers:
		next = fmt.Sprintf("%d copies need as many servers of one cluster with JetStream: start them, or say fewer with NATS_REPLICAS", want.Replicas)
	case noStorage, noMemory, noResources, accountLimits, maxBytesTooLarge:
		next = fmt.Sprintf("it may grow to %d MiB, in as many copies as %d: say less with NATS_MAX_BYTES, or raise the server's max_file_store "+
			"or max_memory_store and the account's limits", want.MaxBytes>>20, want.Replicas)
	case notMade:
		next = "see the server's log for the cause; it needs a store that it may write to, with room in it"
	case tooManyStreams:
		next = "raise the account's limit on streams: a migration needs three"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, next)
}

// create makes the stream or brings it up to date. A server that has deleted the last stream of an account removes the empty folders
// around it a moment later, and whoever makes a stream in that moment is told that there is no place for it; hence the repetition.
func (c *Conn) create(ctx context.Context, want jetstream.StreamConfig) (made jetstream.Stream, err error) {
	for range 5 {
		made, err = c.js.CreateOrUpdateStream(ctx, want)
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != notMade {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return made, remedied(err, want)
}

// crowded adds what to do to the refusal of a message that a stream does not take.
func crowded(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == notStored {
		full.Add(context.Background(), 1)
		return fmt.Errorf("%w; a stream that is full gets more room with NATS_MAX_BYTES at the next producer run; else see the server's log", err)
	}
	return err
}
