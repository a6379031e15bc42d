package decode

import "github.com/judged-dev/judged/logs"

// Level returns the level that a word means, in any case: "WARN", "err",
// "Information", "INFO+2"; or a number between 0 and 7 as syslog counts, or one
// of 10, 20, ... 60 as pino and bunyan do. NoLevel if it is none of these.
func Level(word []byte) logs.Level {
	if len(word) == 0 || len(word) > 13 { // len("informational")
		return logs.NoLevel
	}
	if word[0] >= '0' && word[0] <= '9' {
		n, ok := number(word)
		if !ok {
			return logs.NoLevel
		}
		return numericLevel(n)
	}
	var buf [13]byte
	n := 0
	for _, c := range word {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if (c == '+' || c == '-') && n > 0 {
			break // log/slog: INFO+2 is between INFO and WARN
		}
		if c < 'a' || c > 'z' {
			return logs.NoLevel
		}
		buf[n] = c
		n++
	}
	switch string(buf[:n]) {
	case "trace", "trc", "debug", "dbg", "dbug", "verbose", "vrb", "fine", "finer", "finest", "t", "d", "v":
		return logs.Debug
	case "info", "inf", "information", "informational", "notice", "note", "log", "success", "i", "n":
		return logs.Info
	case "warn", "wrn", "warning", "w":
		return logs.Warn
	case "error", "err", "eror", "severe", "fail", "failure", "e":
		return logs.Error
	case "critical", "crit", "crt", "fatal", "ftl", "panic", "pnc", "dpanic", "alert", "emerg", "emergency", "c", "f", "a":
		return logs.Critical
	}
	return logs.NoLevel
}

// number returns a decimal integer of at most 6 digits.
func number(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 6 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// numericLevel reads syslog's severities (RFC 5424, 6.2.1) and the levels of
// bunyan and pino, which have no number in common.
func numericLevel(n int) logs.Level {
	switch {
	case n <= 2:
		return logs.Critical
	case n == 3:
		return logs.Error
	case n == 4:
		return logs.Warn
	case n <= 6:
		return logs.Info
	case n == 7:
		return logs.Debug
	case n < 10 || n > 60:
		return logs.NoLevel
	case n < 30:
		return logs.Debug
	case n < 40:
		return logs.Info
	case n < 50:
		return logs.Warn
	case n < 60:
		return logs.Error
	default:
		return logs.Critical
	}
}

// SeverityNumber returns the level of an OpenTelemetry severity number, 1 to
// 24: four each of trace, debug, info, warn, error and fatal.
func SeverityNumber(n int) logs.Level {
	switch {
	case n < 1 || n > 24:
		return logs.NoLevel
	case n <= 8:
		return logs.Debug
	case n <= 12:
		return logs.Info
	case n <= 16:
		return logs.Warn
	case n <= 20:
		return logs.Error
	default:
		return logs.Critical
	}
}
