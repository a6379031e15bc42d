package decode

import (
	"strconv"
	"time"
)

// A clock says what time it is where a line's own time is incomplete.
type clock func() time.Time

// timestamp reads the time at b's start and returns its length, 0 if there is
// none. It knows RFC 3339 and its relatives (a space, comma, slashes or no
// dashes), the dates of syslog, of C's asctime, of access logs, of Java and
// HTTP, a clock without a date, and seconds since 1970.
func timestamp(b []byte, now clock) (time.Time, int) {
	if len(b) < 8 {
		return time.Time{}, 0
	}
	if isLetter(b[0]) {
		return namedDate(b, now)
	}
	if !isDigit(b[0]) {
		return time.Time{}, 0
	}
	switch {
	case len(b) >= 16 && (b[4] == '-' || b[4] == '/' || b[4] == '.') && b[7] == b[4]:
		y, ok1 := digits(b[:4])
		m, ok2 := digits(b[5:7])
		d, ok3 := digits(b[8:10])
		if !ok1 || !ok2 || !ok3 {
			return time.Time{}, 0
		}
		return withClock(b, 10, y, m, d)
	case b[2] == ':' && b[5] == ':':
		return clockOnly(b, now)
	case len(b) >= 17 && b[2] == '/' && b[5] == '/' && b[8] == ' ': // YY/MM/DD
		y, ok1 := digits(b[:2])
		m, ok2 := digits(b[3:5])
		d, ok3 := digits(b[6:8])
		if !ok1 || !ok2 || !ok3 {
			return time.Time{}, 0
		}
		return withClock(b, 8, 2000+y, m, d)
	case len(b) >= 20 && (b[2] == '/' || b[2] == '-' || b[2] == ' ') && b[6] == b[2]: // 10/Oct/2000
		d, ok1 := digits(b[:2])
		m := month(b[3:6])
		y, ok2 := digits(b[7:11])
		if !ok1 || !ok2 || m == 0 {
			return time.Time{}, 0
		}
		return withClock(b, 11, y, m, d)
	}
	n := 1
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	switch {
	case n == 8 && len(b) >= 15 && (b[8] == '-' || b[8] == ' ' || b[8] == 'T'): // 20060102-15:04:05
		y, _ := digits(b[:4])
		m, _ := digits(b[4:6])
		d, _ := digits(b[6:8])
		return withClock(b, 8, y, m, d)
	case n == 6 && len(b) >= 13 && b[6] == ' ': // 060102 150405
		y, _ := digits(b[:2])
		m, _ := digits(b[2:4])
		d, _ := digits(b[4:6])
		return withClock(b, 6, 2000+y, m, d)
	case n == 10 || n == 13 || n == 16 || n == 19:
		end := n
		if end < len(b) && b[end] == '.' {
			end++
			for end < len(b) && isDigit(b[end]) {
				end++
			}
		}
		if end < len(b) && !isSpace(b[end]) && b[end] != ']' {
			return time.Time{}, 0
		}
		// Nine digits were 2001: ten and more are times after it.
		if t, ok := epoch(b[:end]); ok && b[0] == '1' {
			return t, end
		}
	}
	return time.Time{}, 0
}

// namedDate reads dates that begin with a month's or a weekday's name.
func namedDate(b []byte, now clock) (time.Time, int) {
	i := 0
	m := month(b)
	if m == 0 {
		if !weekday(b) {
			return time.Time{}, 0
		}
		i = 3
		if i < len(b) && b[i] == ',' {
			i++
		}
		if i >= len(b) || b[i] != ' ' {
			return time.Time{}, 0
		}
		i++
		if i < len(b) && isDigit(b[i]) { // Mon, 02 Jan 2006
			t, n := timestamp(b[i:], now)
			if n == 0 {
				return time.Time{}, 0
			}
			return t, i + n
		}
		if m = month(b[i:]); m == 0 {
			return time.Time{}, 0
		}
	}
	i += 3
	if i >= len(b) || b[i] != ' ' {
		return time.Time{}, 0
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	d, n := upTo2Digits(b[i:])
	if n == 0 {
		return time.Time{}, 0
	}
	i += n
	if i < len(b) && b[i] == ',' {
		i++
	}
	year := 0
	if i+5 < len(b) && b[i] == ' ' && b[i+5] == ' ' { // Jan 02 2006 15:04:05
		if y, ok := digits(b[i+1 : i+5]); ok {
			year = y
			i += 5
		}
	}
	if i >= len(b) || b[i] != ' ' {
		return time.Time{}, 0
	}
	i++
	seconds, nanos, n := clockOfDay(b[i:])
	if n == 0 {
		return time.Time{}, 0
	}
	i += n
	if year == 0 && i+4 < len(b) && b[i] == ' ' { // Sun Jan  2 15:04:05 2006
		if y, ok := digits(b[i+1 : i+5]); ok && (i+5 == len(b) || !isDigit(b[i+5])) && y >= 1970 && y < 2200 {
			year = y
			i += 5
		}
	}
	if year != 0 {
		if i+3 <= len(b) && b[i] == ' ' && b[i+2] == 'M' && (b[i+1] == 'A' || b[i+1] == 'P') { // java.util.logging
			seconds = twelveHours(seconds, b[i+1] == 'P')
			i += 3
		}
		return date(year, m, d, seconds, nanos, i)
	}
	// Syslog leaves the year out: the latest one that makes it no later than
	// tomorrow, since zones differ.
	ref := now().UTC()
	t, n := date(ref.Year(), m, d, seconds, nanos, i)
	if n == 0 || t.After(ref.AddDate(0, 0, 1)) {
		return date(ref.Year()-1, m, d, seconds, nanos, i)
	}
	return t, n
}

func twelveHours(seconds int, pm bool) int {
	hour := seconds / 3600
	switch {
	case pm && hour < 12:
		return seconds + 12*3600
	case !pm && hour == 12:
		return seconds - 12*3600
	}
	return seconds
}

// clockOnly reads a time without a date: the latest such time that is no more
// than an hour after now.
func clockOnly(b []byte, now clock) (time.Time, int) {
	seconds, nanos, n := clockOfDay(b)
	if n == 0 {
		return time.Time{}, 0
	}
	ref := now().UTC()
	t, _ := date(ref.Year(), int(ref.Month()), ref.Day(), seconds, nanos, n)
	if t.After(ref.Add(time.Hour)) {
		t = t.AddDate(0, 0, -1)
	}
	return t, n
}

// withClock reads the time of the day after the date, which ends at i, and the
// zone.
func withClock(b []byte, i, year, month, day int) (time.Time, int) {
	if i >= len(b) {
		return time.Time{}, 0
	}
	switch b[i] {
	case 'T', 't', ' ', ':', '-', '_':
		i++
	default:
		return time.Time{}, 0
	}
	seconds, nanos, n := clockOfDay(b[i:])
	if n == 0 {
		return time.Time{}, 0
	}
	i += n
	offset, n := zone(b[i:])
	return date(year, month, day, seconds-offset, nanos, i+n)
}

// clockOfDay reads 15:04:05 or 150405, with a fraction after a dot, a comma or
// a third colon.
func clockOfDay(b []byte) (seconds, nanos, n int) {
	var h, m, s int
	var ok1, ok2 bool
	switch {
	case len(b) >= 7 && b[2] == ':' && (b[4] == ':' || b[5] == ':'):
		h, ok1 = digits(b[:2])
		m, n = upTo2Digits(b[3:])
		if !ok1 || n == 0 || b[3+n] != ':' {
			return 0, 0, 0
		}
		i := 4 + n
		s, n = upTo2Digits(b[i:])
		if n == 0 {
			return 0, 0, 0
		}
		n += i
	case len(b) >= 6:
		h, ok1 = digits(b[:2])
		m, ok2 = digits(b[2:4])
		var ok3 bool
		s, ok3 = digits(b[4:6])
		if !ok1 || !ok2 || !ok3 {
			return 0, 0, 0
		}
		n = 6
	default:
		return 0, 0, 0
	}
	// RFC 3339 has a 60th second.
	if h > 23 || m > 59 || s > 60 {
		return 0, 0, 0
	}
	seconds = h*3600 + m*60 + s
	if n+1 < len(b) && (b[n] == '.' || b[n] == ',' || b[n] == ':') && isDigit(b[n+1]) {
		n++
		unit := 100_000_000
		for n < len(b) && isDigit(b[n]) {
			nanos += int(b[n]-'0') * unit
			unit /= 10
			n++
		}
	}
	if n < len(b) && isDigit(b[n]) {
		return 0, 0, 0 // a longer number
	}
	return seconds, nanos, n
}

// zone reads Z, +01:00, +0100, UTC or GMT, after a space or not, and returns
// the seconds east of UTC. Other names of zones are not unique.
func zone(b []byte) (offset, n int) {
	i := 0
	if len(b) > 0 && b[0] == ' ' {
		i = 1
	}
	if i >= len(b) {
		return 0, 0
	}
	switch b[i] {
	case 'Z', 'z':
		if i+1 == len(b) || !isLetter(b[i+1]) && !isDigit(b[i+1]) {
			return 0, i + 1
		}
		return 0, 0
	case 'U', 'G':
		if len(b) >= i+3 && (string(b[i:i+3]) == "UTC" || string(b[i:i+3]) == "GMT") && (len(b) == i+3 || !isLetter(b[i+3])) {
			return 0, i + 3
		}
		return 0, 0
	case '+', '-':
	default:
		return 0, 0
	}
	if len(b) < i+5 {
		return 0, 0
	}
	h, ok := digits(b[i+1 : i+3])
	j := i + 3
	if b[j] == ':' {
		j++
	}
	if !ok || len(b) < j+2 {
		return 0, 0
	}
	m, ok := digits(b[j : j+2])
	if !ok || h > 23 || m > 59 || len(b) > j+2 && isDigit(b[j+2]) {
		return 0, 0
	}
	offset = h*3600 + m*60
	if b[i] == '-' {
		offset = -offset
	}
	return offset, j + 2
}

// date returns the time, and n, or 0 if there is no such day after the year 0.
func date(year, month, day, seconds, nanos, n int) (time.Time, int) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return time.Time{}, 0
	}
	return time.Unix(daysSinceEpoch(year, month, day)*86400+int64(seconds), int64(nanos)).UTC(), n
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts the days of the Gregorian calendar between 1970-01-01
// and a date after the year 0, in years that begin in March, so that the leap
// day is a year's last. time.Date, which also sorts out zones and overflows,
// takes ten times as long.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1
	return int64(days) - 719468 // the days from 0000-03-01 to 1970-01-01
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds
// since 1970, told apart by its size: each unit serves until the year 5138.
func epoch(b []byte) (time.Time, bool) {
	i, negative := 0, false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	var whole int64
	start := i
	for i < len(b) && isDigit(b[i]) {
		if whole > (1<<63-1-9)/10 {
			return time.Time{}, false
		}
		whole = whole*10 + int64(b[i]-'0')
		i++
	}
	if i == start {
		return time.Time{}, false
	}
	var nanos int64
	if i < len(b) && b[i] == '.' {
		i++
		unit := int64(100_000_000)
		for i < len(b) && isDigit(b[i]) {
			nanos += int64(b[i]-'0') * unit
			unit /= 10
			i++
		}
	}
	if i < len(b) { // 1.7e9
		if len(b) > 32 {
			return time.Time{}, false
		}
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || f < 0 || f >= 1e18 {
			return time.Time{}, false
		}
		whole, nanos, negative = int64(f), int64((f-float64(int64(f)))*1e9), false
	}
	var t time.Time
	switch {
	case whole < 1e11:
		if negative {
			whole, nanos = -whole, -nanos
		}
		return time.Unix(whole, nanos).UTC(), true
	case negative:
		return time.Time{}, false
	case whole < 1e14:
		t = time.Unix(whole/1e3, whole%1e3*1e6+nanos/1e3)
	case whole < 1e17:
		t = time.Unix(whole/1e6, whole%1e6*1e3)
	default:
		t = time.Unix(whole/1e9, whole%1e9)
	}
	return t.UTC(), true
}

// digits returns the value of decimal digits.
func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// upTo2Digits returns the value of one or two digits at b's start and how many
// there are.
func upTo2Digits(b []byte) (value, n int) {
	for n < 2 && n < len(b) && isDigit(b[n]) {
		value = value*10 + int(b[n]-'0')
		n++
	}
	return value, n
}

// month returns the number of the month that b starts with the short name of;
// 0 if it does not.
func month(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	switch string(b[:3]) {
	case "Jan", "JAN", "jan":
		return 1
	case "Feb", "FEB", "feb":
		return 2
	case "Mar", "MAR", "mar":
		return 3
	case "Apr", "APR", "apr":
		return 4
	case "May", "MAY", "may":
		return 5
	case "Jun", "JUN", "jun":
		return 6
	case "Jul", "JUL", "jul":
		return 7
	case "Aug", "AUG", "aug":
		return 8
	case "Sep", "SEP", "sep":
		return 9
	case "Oct", "OCT", "oct":
		return 10
	case "Nov", "NOV", "nov":
		return 11
	case "Dec", "DEC", "dec":
		return 12
	}
	return 0
}

func weekday(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	switch string(b[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}
