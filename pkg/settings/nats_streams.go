package settings

import (
	"math"
	"regexp"
	"slices"
	"strconv"
)

// Streams say how the NATS servers keep a migration's streams. The zero Streams leave everything as it is by default.
type Streams struct {
	Replicas int   // 1, 3 or 5; 0 when not given
	Memory   bool  // and not on disk
	MaxBytes int64 // of each stream; 0 when not given
}

func applyReplicas(s *Settings, text string) []string {
	n, err := strconv.Atoi(text)
	if err != nil || !slices.Contains([]int{1, 3, 5}, n) {
		return []string{quote(text) + " is none of 1, 3 and 5"}
	}
	s.Streams.Replicas = n
	return s.login.note("NATS_REPLICAS", "")
}

func applyStorage(s *Settings, text string) []string {
	switch text {
	case "file", "memory":
		s.Streams.Memory = text == "memory"
		return s.login.note("NATS_STORAGE", "")
	}
	return []string{quote(text) + " is neither file nor memory"}
}

var (
	sizeText  = regexp.MustCompile(`^([0-9]{1,18})(KiB|MiB|GiB|TiB)?$`)
	sizeUnits = map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
)

// minStream holds a few messages of the widest kind.
const minStream = 1 << 20

func applyMaxBytes(s *Settings, text string) []string {
	if m := sizeText.FindStringSubmatch(text); m != nil {
		count, err := strconv.ParseInt(m[1], 10, 64)
		if unit := sizeUnits[m[2]]; err == nil && count <= math.MaxInt64/unit && count*unit >= minStream {
			s.Streams.MaxBytes = count * unit
			return s.login.note("NATS_MAX_BYTES", "")
		}
	}
	return []string{quote(text) + " is not a size of 1MiB or more; write bytes, or a number with KiB, MiB, GiB or TiB"}
}
