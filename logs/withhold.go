package logs

import (
	"errors"
	"net/url"
	"strings"

	"github.com/judged-dev/judged/metrics"
)

// Withhold takes secrets out of a source's error, whose text may repeat what was
// sent. internal/httpx does so for those of the settings; this is for drivers that
// make their own, such as a session's token.
func Withhold(err error, secrets ...string) error {
	e, ok := errors.AsType[*metrics.Error](err)
	if !ok || e.Err == nil {
		return err
	}
	text := e.Err.Error()
	clean := text
	for _, secret := range secrets {
		clean = withhold(withhold(clean, secret), url.QueryEscape(secret))
	}
	if clean == text {
		return err
	}
	named := *e
	named.Err = errors.New(clean)
	return &named
}

// withhold replaces every secret in text, and every beginning of one, since
// texts from outside are cut.
func withhold(text, secret string) string {
	const few = 8 // a shorter beginning tells nothing
	if len(secret) < few {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, secret[:few])
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		n := few
		for n < len(secret) && i+n < len(text) && text[i+n] == secret[n] {
			n++
		}
		b.WriteString(text[:i] + "[secret]")
		text = text[i+n:]
	}
}
