package report

import (
	"slices"
	"time"

	"rehome/pkg/throttle"
)

// Timing of a Pace.
const (
	paceNow  = 15 * time.Second       // how far back the rate of now looks
	paceSpan = 5 * time.Minute        // how far back the mean looks
	paceThin = 250 * time.Millisecond // samples that are closer count as one
)

// What an estimate needs, and how it is made.
const (
	paceSteps   = 6  // shards that have ended, or moments at which some did: fewer are chance
	paceWindows = 10 // windows of the mean's span: how much their rates differ is the spread
	paceWidest  = 10 // times the middle: nobody can plan by a spread that is wider
)

// A Pace tells from how far a run had come at several moments how fast it is, and how long the rest will take. Samples come from anywhere: its times are those
// that it is given. Terminal and pages estimate by it, so that they say the same. The zero Pace is ready; it is for one goroutine, and keeps a few minutes of
// samples however often it is fed.
type Pace struct {
	samples []sample
	limits  throttle.Limits // by which Follow has seen the run go
}

type sample struct {
	at          time.Time
	rows, users int64
}

// A Rate is how much is done in a second.
type Rate struct {
	Rows  float64 `json:"rows_per_second"`
	Users float64 `json:"users_per_second"`
}

// A Left is how many seconds the rest will take: Low, if all of it goes as the fast tenth of the last minutes' windows went, High, if as the slow
// tenth; Middle goes by the mean of these minutes. Low <= Middle <= High <= 10 * Middle.
type Left struct {
	Low    float64 `json:"low"`
	Middle float64 `json:"middle"`
	High   float64 `json:"high"`
}

// Add takes in how many rows were moved, and how many users tried, by the given moment. Where less was done than before, as users are done again, it begins anew.
func (p *Pace) Add(at time.Time, rows, users int64) {
	if n := len(p.samples); n > 0 && (rows < p.samples[n-1].rows || at.Before(p.samples[n-1].at)) {
		p.Forget()
	}
	next := sample{at, rows, users}
	if n := len(p.samples); n > 1 && at.Sub(p.samples[n-2].at) < paceThin {
		p.samples[n-1] = next
	} else {
		p.samples = append(p.samples, next)
	}
	for len(p.samples) > 2 && at.Sub(p.samples[1].at) >= paceSpan {
		p.samples = p.samples[1:]
	}
}

// Forget begins anew, as a run does that was paused: what came before says nothing about what comes.
func (p *Pace) Forget() { p.samples = nil }

// Follow takes in a progress at the given time. While the run is paused or halted it forgets, and so it does when the limits become others, and when the load has
// ended: a rate of what was would only fall, minute after minute.
func (p *Pace) Follow(of Progress, now time.Time) {
	if of.Loaded() || of.Controls.Paused != "" || of.Controls.Halted != "" || of.Controls.Limits != p.limits {
		p.Forget()
		p.limits = of.Controls.Limits
	}
	p.Add(now, of.Moved, of.tried())
}

// Now returns the rate of the last 15 seconds, or of the time that three shards take where that is longer; zero while the samples span less than a second, as
// what a moment tells is chance.
func (p *Pace) Now() Rate {
	span := paceNow
	if steps, _ := p.steps(); steps > 0 {
		span = max(span, 3*p.span()/time.Duration(steps))
	}
	return p.rate(span)
}

// Mean returns the rate of the last five minutes, with the same reserve.
func (p *Pace) Mean() Rate { return p.rate(paceSpan) }

func (p *Pace) rate(span time.Duration) Rate {
	if len(p.samples) == 0 {
		return Rate{}
	}
	last := p.samples[len(p.samples)-1]
	first := p.samples[p.before(last.at.Add(-span))]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 1 {
		return Rate{}
	}
	return Rate{Rows: float64(last.rows-first.rows) / seconds, Users: float64(last.users-first.users) / seconds}
}

// before returns the newest sample that is not younger than the moment, or else the oldest.
func (p *Pace) before(at time.Time) int {
	i, found := slices.BinarySearchFunc(p.samples, at, func(s sample, at time.Time) int { return s.at.Compare(at) })
	if !found {
		i--
	}
	return max(0, i)
}

// Rest returns how long the rest of the load takes by Left; nil also where nothing is left of it, or a person has to let it go on first.
func (p *Pace) Rest(of Progress) *Left {
	if rows := of.PlannedRows - of.Moved; rows > 0 && !of.Loaded() && of.Controls.Paused == "" && of.Controls.Halted == "" {
		return p.Left(rows)
	}
	return nil
}

// Left returns how long so many rows will take; nil where nobody can tell: too little was seen yet, or nothing has moved for longer than shards take.
func (p *Pace) Left(rows int64) *Left {
	mean := p.Mean().Rows
	if mean <= 0 || rows < 0 {
		return nil
	}
	steps, stepped := p.steps()
	last, span := p.samples[len(p.samples)-1].at, p.span()
	if steps < paceSteps || last.Sub(stepped) > paceNow+5*span/time.Duration(steps) {
		return nil
	}
	window := max(span/paceWindows, 3*span/time.Duration(steps))
	slow, fast := p.spread(window)
	slow, fast = max(min(slow, mean), mean/paceWidest), max(fast, mean)
	return &Left{Low: float64(rows) / fast, Middle: float64(rows) / mean, High: float64(rows) / slow}
}

// span is how far the samples reach.
func (p *Pace) span() time.Duration {
	if len(p.samples) == 0 {
		return 0
	}
	return p.samples[len(p.samples)-1].at.Sub(p.samples[0].at)
}

// steps counts the samples with more rows than the one before, and tells when the last of them was.
func (p *Pace) steps() (n int, last time.Time) {
	for i := 1; i < len(p.samples); i++ {
		if p.samples[i].rows > p.samples[i-1].rows {
			n, last = n+1, p.samples[i].at
		}
	}
	return n, last
}

// spread returns the rates below which a tenth, and above which a tenth, of all windows of that length are.
func (p *Pace) spread(window time.Duration) (slow, fast float64) {
	var rates []float64
	first := p.samples[0].at
	for _, s := range p.samples {
		if s.at.Sub(first) < window {
			continue
		}
		from := p.samples[p.before(s.at.Add(-window))]
		rates = append(rates, float64(s.rows-from.rows)/s.at.Sub(from.at).Seconds())
	}
	slices.Sort(rates)
	tenth := len(rates) / 10
	return rates[tenth], rates[len(rates)-1-tenth]
}

// String spells the estimate for a person: about 12m00s left, or about 12m00s left (10m00s to 15m00s) where the spread is more than a tenth.
func (l Left) String() string {
	text := "about " + Duration(l.Middle) + " left"
	if l.High > 1.1*l.Middle || l.Low < 0.9*l.Middle {
		text += " (" + Duration(l.Low) + " to " + Duration(l.High) + ")"
	}
	return text
}
