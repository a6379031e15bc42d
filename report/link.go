package report

import "regexp"

// Link leads from a report to the analysis that it is of. The zero value leads
// nowhere.
type Link struct {
	// ID is the analysis' on its server.
	ID string
	// URL is where people see it, http or https; what could be anything else in
	// Markdown is left out.
	URL string
}

// maxURL is how long an address may be, in bytes.
const maxURL = 2048

// plainURL has no character that ends or changes a link in Markdown.
var plainURL = regexp.MustCompile(`^https?://[A-Za-z0-9._~:/?#@!$&+,;=%-]+$`)

// address returns the URL if it may be shown as a link.
func (l Link) address() string {
	if len(l.URL) > maxURL || !plainURL.MatchString(l.URL) {
		return ""
	}
	return l.URL
}
