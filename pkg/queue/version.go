package queue

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first version whose work queues lose nothing and that knows every option Declare sets. Older ones accept options that
// they do not know, and do without.
var oldest = []int{2, 12, 5}

// checkVersion refuses a server older than oldest, or of a version that cannot be read.
func checkVersion(version string) error {
	number, pre, _ := strings.Cut(version, "-")
	var parts []int
	for part := range strings.SplitSeq(strings.TrimPrefix(number, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return fmt.Errorf("the server says its version is %.40q, which is none; 2.12.5 or newer is needed", version)
		}
		parts = append(parts, n)
	}
	// A pre-release of the oldest one comes before it.
	if order := slices.Compare(parts, oldest); order < 0 || order == 0 && pre != "" {
		return fmt.Errorf("nats-server %.40s is too old: it drops options without a word and can lose work; upgrade it to 2.12.5 or newer", version)
	}
	return nil
}
