package httpx

import (
	"fmt"
	"net/http"
)

const maxRedirects = 5

// redirectError says why a redirect was not followed.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

// checkRedirect follows redirects within the source's own host. Credentials
// must not reach another host, and a POST that becomes a GET has lost its
// query.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	target := next.URL.Scheme + "://" + next.URL.Host + next.URL.Path
	switch {
	case next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host:
		return &redirectError{fmt.Sprintf("redirects to another host, %s, which must not see the source's credentials", target)}
	case next.Method != first.Method:
		return &redirectError{fmt.Sprintf("redirects to %s in a way that drops the query", target)}
	case len(via) > maxRedirects:
		return &redirectError{fmt.Sprintf("redirects more than %d times, last to %s", maxRedirects, target)}
	default:
		return nil
	}
}
