package throttle

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestInterval(t *testing.T) {
	for _, tt := range []struct {
		name              string
		least, took, rest time.Duration
	}{
		{"what takes no time is asked for as often as may be", time.Second, 0, time.Second},
		{"what takes little is asked for as often as may be", 200 * time.Millisecond, 99 * time.Millisecond, 200 * time.Millisecond},
		{"what takes long takes a twentieth of the time", time.Second, 200 * time.Millisecond, 4 * time.Second},
		{"what takes long is left alone for longer where that is wanted", 5 * time.Second, 200 * time.Millisecond, 5 * time.Second},
		{"what takes very long is asked for all the same", time.Second, time.Minute, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := Interval{Least: tt.least, Most: 10 * time.Second}
				if !i.Due() {
					t.Error("it is not due at first")
				}
				began := time.Now()
				<-time.After(tt.took)
				i.Asked(began)
				<-time.After(tt.rest - 1)
				if i.Due() {
					t.Error("it is due too early")
				}
				<-time.After(1)
				if !i.Due() {
					t.Errorf("it is not due after %s", tt.rest)
				}
			})
		})
	}
}
