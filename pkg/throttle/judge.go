package throttle

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// How a measurement becomes a pace.
const (
	easy  = 0.7  // of a limit: up to there the workers go at full speed
	slow  = 0.1  // pace at the limit itself
	climb = 0.1  // that the pace may rise by in a Step's time
	full  = 1.0  // pace
	stand = 0.0  // pace above a limit
	near  = 1e-9 // that a sum of climbs may miss full by
)

// Step is how often a Load is to be measured, and the pace may rise.
const Step = time.Second

// Stale is how old a Gauge may be; nobody goes by an older one, as what it tells may be over.
const Stale = 10 * time.Second

// Judge returns how fast the workers may go by what was measured, as a part of full speed, and why that is less than all: full speed up to
// 70 % of a limit, less from there on, down to a tenth at the limit, and 0 above it. The worst limit decides. It remembers nothing: see Gauge.Next.
func (l Limits) Judge(load Load) (pace float64, reason string) {
	pace = full
	for _, t := range table {
		if t.load == nil {
			continue
		}
		limit := t.value(l)
		if limit == 0 {
			continue
		}
		measured := t.load(load)
		if p := paceAt(float64(measured) / float64(limit)); p < pace {
			pace, reason = p, t.reason(measured, limit)
		}
	}
	return pace, reason
}

// paceAt returns the pace where so much of a limit is used.
func paceAt(used float64) float64 {
	switch {
	case used <= easy:
		return full
	case used > 1:
		return stand
	}
	return full - (full-slow)*(used-easy)/(1-easy)
}

// Next returns the gauge that follows g, a Step later, by what is measured now. The pace falls at once and rises slowly: what a server
// bears shows only when the work is there again.
func (g Gauge) Next(limits Limits, load Load) Gauge {
	next := Gauge{Load: load}
	next.Pace, next.Reason = limits.Judge(load)
	if most := math.Max(g.Pace, 0) + climb; next.Pace > most && most < full-near {
		next.Pace = most
		if next.Reason == "" {
			next.Reason = again + g.cause()
		}
	}
	return next
}

const again = "going up again after: "

// cause returns why the pace of g first fell.
func (g Gauge) cause() string { return strings.TrimPrefix(g.Reason, again) }

const cannot = "cannot measure "

// Held returns the gauge that holds all work as something that is limited could not be measured: what is unknown is not taken for well. The
// reason begins with what that is.
func Held(reason string, load Load) Gauge { return Gauge{Reason: cannot + reason, Load: load} }

// Unknown reports whether the gauge is one of Held, so that its Load is not all that was asked for.
func (g Gauge) Unknown() bool { return strings.HasPrefix(g.Reason, cannot) }

// reason says what was measured, and of how much.
func (t *limit) reason(measured, limit int64) string {
	if t.span() {
		return fmt.Sprintf("%s %s of %s", t.short, t.show(measured), t.show(limit))
	}
	return fmt.Sprintf("%s of %s %s", t.show(measured), t.show(limit), t.short)
}
