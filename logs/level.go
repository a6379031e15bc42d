package logs

// Level is how bad the author of a line says it is.
type Level uint8

const (
	// NoLevel: the line does not say. The zero value.
	NoLevel Level = iota
	// Debug and finer: trace, verbose.
	Debug
	// Info and notice.
	Info
	// Warn and warning.
	Warn
	// Error and severe.
	Error
	// Critical and worse: fatal, panic, alert, emergency.
	Critical
)

// String returns the level as it is shown: "error"; "" if the line does not say.
func (l Level) String() string {
	if int(l) >= len(levelNames) {
		return ""
	}
	return levelNames[l]
}

var levelNames = [...]string{NoLevel: "", Debug: "debug", Info: "info", Warn: "warn", Error: "error", Critical: "critical"}
