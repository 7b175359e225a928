package value

// A civil is a date and time on the wall, as it is written, whether or not the calendar has it.
type civil struct {
	year, month, day     int
	hour, minute, second int
	micro                int
}

// zero tells whether the date is MySQL's zero date and the time, if there is any, is zero too.
func (t civil) zero() bool { return t == civil{} }

// partial tells whether the month or the day is missing.
func (t civil) partial() bool { return t.month == 0 || t.day == 0 }

// valid tells whether the calendar has the day.
func (t civil) valid() bool {
	return t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= daysIn(t.year, t.month)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days returns the days from 2000-01-01 to the civil's date in the proleptic Gregorian calendar.
func (t civil) days() int64 {
	// Years that start in March put the leap day at the end: each month's first day is then a fixed number of days into the year.
	y, m := int64(t.year), int64(t.month)
	if m <= 2 {
		y--
		m += 12
	}
	dayOfYear := (153*(m-3)+2)/5 + int64(t.day) - 1
	const epoch = 730425 // days from 0000-03-01 to 2000-01-01
	// What is rounded down has to be positive: the year before 0 is 399 of the era before.
	const era, eraDays = 400, 146097
	y += era
	return y*365 + y/4 - y/100 + y/400 + dayOfYear - eraDays - epoch
}

// clock returns the microseconds since midnight.
func (t civil) clock() int64 {
	return (int64(t.hour)*3600+int64(t.minute)*60+int64(t.second))*1e6 + int64(t.micro)
}

// micros returns the microseconds since 2000-01-01 00:00:00 on the same wall.
func (t civil) micros() int64 { return t.days()*86400e6 + t.clock() }

// twoDigits reads two decimal digits.
func twoDigits(in []byte) (int, bool) {
	a, b := in[0]-'0', in[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// readDate reads YYYY-MM-DD, which must be the whole text, whether or not the calendar has the day.
func readDate(in []byte) (t civil, ok bool) {
	if len(in) != 10 || in[4] != '-' || in[7] != '-' {
		return t, false
	}
	century, ok1 := twoDigits(in)
	year, ok2 := twoDigits(in[2:])
	month, ok3 := twoDigits(in[5:])
	day, ok4 := twoDigits(in[8:])
	t = civil{year: century*100 + year, month: month, day: day}
	return t, ok1 && ok2 && ok3 && ok4
}

// readClock reads HH:MM:SS with up to six fractional digits into t.
func readClock(t civil, in []byte) (civil, bool) {
	if len(in) < 8 {
		return t, false
	}
	hour, ok := twoDigits(in)
	t.hour = hour
	t, rest := readMinutes(t, in[2:])
	return t, ok && rest && hour <= 23
}

// readMinutes reads :MM:SS with up to six fractional digits into t.
func readMinutes(t civil, in []byte) (civil, bool) {
	if len(in) < 6 || in[0] != ':' || in[3] != ':' {
		return t, false
	}
	minute, ok1 := twoDigits(in[1:])
	second, ok2 := twoDigits(in[4:])
	micro, ok3 := readFraction(in[6:])
	t.minute, t.second, t.micro = minute, second, micro
	return t, ok1 && ok2 && ok3 && minute <= 59 && second <= 59
}

// readFraction reads nothing, or a point and one to six digits.
func readFraction(in []byte) (micro int, ok bool) {
	if len(in) == 0 {
		return 0, true
	}
	if in[0] != '.' || len(in) == 1 || len(in) > 7 {
		return 0, false
	}
	for i := range 6 {
		d := byte(0)
		if i+1 < len(in) {
			d = in[i+1] - '0'
		}
		if d > 9 {
			return 0, false
		}
		micro = micro*10 + int(d)
	}
	return micro, true
}

// readCivil reads a date alone, or with a time behind a space or a T.
func readCivil(in []byte) (t civil, ok bool) {
	if len(in) <= 10 {
		return readDate(in)
	}
	t, ok = readDate(in[:10])
	if !ok || in[10] != ' ' && in[10] != 'T' {
		return t, false
	}
	return readClock(t, in[11:])
}

// units are the microseconds of the last fractional digit that a precision keeps.
var units = [7]int64{1e6, 1e5, 1e4, 1e3, 100, 10, 1}
