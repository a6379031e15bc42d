package compare

import "github.com/judged-dev/judged/judge"

// topics are words that say what a message is about, whatever level its author
// gave it. They are compared with whole words in lower case.
var topics = map[string]judge.Severity{
	// The process, or the machine, is at its end.
	"oom": judge.Grave, "oomkilled": judge.Grave, "outofmemory": judge.Grave, "outofmemoryerror": judge.Grave, "panic": judge.Grave,
	"segfault": judge.Grave, "sigsegv": judge.Grave, "sigabrt": judge.Grave, "stackoverflowerror": judge.Grave,
	"deadlock": judge.Grave, "deadlocked": judge.Grave, "corrupt": judge.Grave, "corrupted": judge.Grave, "corruption": judge.Grave,
	"coredump": judge.Grave, "fatal": judge.Grave, "crash": judge.Grave, "crashed": judge.Grave, "crashloopbackoff": judge.Grave,
	// Something did not work.
	"exception": judge.Serious, "traceback": judge.Serious, "error": judge.Serious, "errors": judge.Serious, "failed": judge.Serious, "failure": judge.Serious,
	"fail": judge.Serious, "refused": judge.Serious, "timeout": judge.Serious, "unreachable": judge.Serious, "unavailable": judge.Serious,
	"denied": judge.Serious, "unauthorized": judge.Serious, "forbidden": judge.Serious, "aborted": judge.Serious, "rejected": judge.Serious,
	"killed": judge.Serious, "disconnected": judge.Serious, "nullpointerexception": judge.Serious,
	// It may yet work.
	"retry": judge.Warn, "retrying": judge.Warn, "slow": judge.Warn, "degraded": judge.Warn, "deprecated": judge.Warn,
	"throttled": judge.Warn, "expired": judge.Warn, "fallback": judge.Warn, "warning": judge.Warn,
}

// topic returns the worst topic of a text and the word that names it.
func topic(text string) (judge.Severity, string) {
	worst, word := judge.Ignored, ""
	var buffer [32]byte
	n := 0
	end := func() {
		if n > 0 && n <= len(buffer) {
			if s, ok := topics[string(buffer[:n])]; ok && s > worst {
				worst, word = s, string(buffer[:n])
			}
		}
		n = 0
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case 'A' <= c && c <= 'Z':
			// The words of a camel case name are words: ReadTimeoutException.
			if i > 0 && 'a' <= text[i-1] && text[i-1] <= 'z' {
				end()
			}
			c += 'a' - 'A'
			fallthrough
		case 'a' <= c && c <= 'z':
			if n < len(buffer) {
				buffer[n] = c
			}
			n++
		default:
			end()
		}
	}
	end()
	return worst, word
}
