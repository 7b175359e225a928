package dashboard

import (
	"time"

	"rehome/pkg/report"
)

const (
	mostPoints = 600
	pointEvery = time.Second // at first; twice as long each time that the points become too many
)

// A past is how fast the migration was since this process began, in at most 600 points, and how fast it is.
type past struct {
	told   bool // somebody calls Observe
	pace   report.Pace
	points []Point
	every  time.Duration
	last   report.Progress
}

// add takes in the progress of a moment.
func (p *past) add(now time.Time, progress report.Progress) {
	p.last = progress
	p.pace.Follow(progress, now)
	p.every = max(p.every, pointEvery)
	if n := len(p.points); n > 0 && now.Sub(p.points[n-1].At) < p.every {
		return
	}
	p.points = append(p.points, Point{At: now.UTC().Truncate(time.Millisecond), Rows: float64(int64(p.pace.Now().Rows)), Busy: progress.Workers.Busy})
	if len(p.points) > mostPoints {
		p.thin()
	}
}

// thin makes one point of two.
func (p *past) thin() {
	half := p.points[:0]
	for i := 0; i+1 < len(p.points); i += 2 {
		a, b := p.points[i], p.points[i+1]
		half = append(half, Point{At: b.At, Rows: (a.Rows + b.Rows) / 2, Busy: (a.Busy + b.Busy + 1) / 2})
	}
	p.points, p.every = half, 2*p.every
}

// since returns a copy of the points behind a moment.
func (p *past) since(at time.Time) []Point {
	out := []Point{}
	for _, point := range p.points {
		if point.At.After(at) {
			out = append(out, point)
		}
	}
	return out
}

// rate tells how fast the migration is, and how long the rest takes. Whoever is paused, or done, has no time left to tell.
func (p *past) rate(progress *report.Progress) Rate {
	return Rate{Rate: p.pace.Now(), Left: p.pace.Rest(*progress)}
}
