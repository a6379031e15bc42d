package flagger

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode"

	"connectrpc.com/connect"
)

// maxText bounds an answer, in bytes: it becomes a part of the message of a
// Kubernetes event, which has at most 1024.
const maxText = 500

// WriteError refuses a call before its handler is reached. All statuses are 4xx,
// because Flagger loses the text of 429 and 5xx: it asks again at its next interval
// anyway.
//
// 401 and 403 say whose fault it is; the rest, an overload or a quota, is 409 as
// from the hooks themselves.
func WriteError(w http.ResponseWriter, e *connect.Error) {
	status := http.StatusConflict
	switch e.Code() {
	case connect.CodeUnauthenticated:
		status = http.StatusUnauthorized
	case connect.CodePermissionDenied:
		status = http.StatusForbidden
	default:
	}
	write(w, status, e.Message(), "")
}

// reason is an error's text for people.
func reason(err error) string {
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return e.Message()
	}
	return err.Error()
}

// write answers with one line, the link last.
func write(w http.ResponseWriter, status int, text, link string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line(text, link)) //nolint:gosec // plain text, said so; the caller is gone if this fails
}

func line(text, link string) string {
	if link != "" && len(link) < maxText/2 {
		link = " " + link
	} else {
		link = ""
	}
	text = oneLine(text)
	const more = "…"
	if most := maxText - len(link); len(text) > most {
		text = strings.ToValidUTF8(text[:most-len(more)], "") + more
	}
	return text + link
}

// oneLine returns text without line breaks and what does not print.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}
