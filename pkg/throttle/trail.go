package throttle

import "time"

// A Trail tells how far somebody is behind who follows positions of type P: it remembers when each of them was come to. What servers say of
// that themselves stands still where the link, or the replaying, does. The zero Trail is ready; it is for one goroutine.
type Trail[P comparable] struct {
	marks []mark[P] // that are not reached yet, oldest first
	last  P
	begun bool
}

type mark[P any] struct {
	at time.Time
	P  P
}

// maxMarks are remembered; where there are more, every other one is dropped, and what is told is late by as much.
const maxMarks = 1000

// Behind notes that the position is at by now, and returns how long ago the oldest of those noted was that is not reached yet, 0 where all are.
// It is read before the follower is asked, so that one that keeps up has reached it.
func (t *Trail[P]) Behind(now time.Time, at P, reached func(P) (bool, error)) (time.Duration, error) {
	if !t.begun || at != t.last {
		t.marks = append(t.marks, mark[P]{now, at})
		t.last, t.begun = at, true
	}
	for len(t.marks) > 0 {
		done, err := reached(t.marks[0].P)
		if err != nil {
			return 0, err
		}
		if !done {
			break
		}
		t.marks = t.marks[1:]
	}
	if len(t.marks) == 0 {
		return 0, nil
	}
	if len(t.marks) > maxMarks {
		kept := t.marks[:0]
		for i := 0; i < len(t.marks); i += 2 {
			kept = append(kept, t.marks[i])
		}
		t.marks = kept
	}
	return now.Sub(t.marks[0].at), nil
}
