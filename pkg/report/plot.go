package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Measures of the plot, in its own units.
const (
	plotWidth  = 760
	plotHeight = 260
	plotLeft   = 66
	plotRight  = plotWidth - 36
	plotTop    = 12
	plotBottom = plotHeight - 28
	gridLines  = 4
	timeMarks  = 5
)

// A plot is the throughput as paths of an SVG.
type plot struct {
	Width, Height, Left, Right, Bottom int
	MaxRows, MaxBusy                   int64
	Area, Rows, Busy                   string
	Grid                               []gridLine
	Times                              []timeMark
	Text                               string // for who does not see it
}

type gridLine struct {
	X1, X2     int
	Y          string
	Rows, Busy string
}

type timeMark struct {
	X, Y         string
	Text, Anchor string
}

// drawn draws the throughput; nil where there is none.
func drawn(t Throughput) *plot {
	if len(t.Rows) == 0 || t.Bucket <= 0 || len(t.Busy) != len(t.Rows) {
		return nil
	}
	p := &plot{Width: plotWidth, Height: plotHeight, Left: plotLeft, Right: plotRight, Bottom: plotBottom}
	p.MaxRows, p.MaxBusy = int64(math.Ceil(highest(t.Rows))), int64(math.Ceil(highest(t.Busy)-0.005))
	rows, busy := niceTop(highest(t.Rows)), max(gridLines, math.Ceil(highest(t.Busy)/gridLines)*gridLines)
	p.Rows, p.Busy = path(t.Rows, rows), path(t.Busy, busy)
	p.Area = fmt.Sprintf("M%d %dL%s L%d %dZ", plotLeft, plotBottom, strings.TrimPrefix(p.Rows, "M"), plotRight, plotBottom)
	for i := range gridLines + 1 {
		share := float64(i) / gridLines
		p.Grid = append(p.Grid, gridLine{plotLeft, plotRight, units(plotBottom - share*(plotBottom-plotTop)), Number(int64(share * rows)), Number(int64(share * busy))})
	}
	p.mark(t)
	p.Text = fmt.Sprintf("From %s for %s: up to %s rows per second with up to %d slots at work.", clockTime(t.From), Duration(t.Bucket*float64(len(t.Rows))), Number(p.MaxRows), p.MaxBusy)
	return p
}

// mark writes times below the plot.
func (p *plot) mark(t Throughput) {
	span := time.Duration(t.Bucket * float64(len(t.Rows)) * float64(time.Second))
	before := time.Time{}
	for i := range timeMarks {
		at := t.From.UTC().Add(span * time.Duration(i) / (timeMarks - 1))
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case timeMarks - 1:
			anchor = "end"
		}
		x := plotLeft + float64(plotRight-plotLeft)*float64(i)/(timeMarks-1)
		p.Times = append(p.Times, timeMark{units(x), units(plotBottom + 5), clockText(at, before, span), anchor})
		before = at
	}
}

func highest(values []float64) (top float64) {
	for _, v := range values {
		top = max(top, v)
	}
	return top
}

// niceTop is the least round number that is not below the top.
func niceTop(top float64) float64 {
	if top <= gridLines {
		return gridLines
	}
	size := math.Pow(10, math.Floor(math.Log10(top)))
	for _, step := range []float64{1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10} {
		if step*size >= top {
			return step * size
		}
	}
	return 10 * size
}

// path draws the values as steps from left to right, where top is the highest that there is room for.
func path(values []float64, top float64) string {
	var b strings.Builder
	width := float64(plotRight-plotLeft) / float64(len(values))
	for i, v := range values {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		y := units(plotBottom - v/top*(plotBottom-plotTop))
		fmt.Fprintf(&b, "%s%s %sH%s", letter, units(plotLeft+float64(i)*width), y, units(plotLeft+float64(i+1)*width))
	}
	return b.String()
}

func units(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }
