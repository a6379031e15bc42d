package client

import "time"

// Hurry makes a client wait less than it would.
func (c *Client) Hurry() *Client {
	c.times = times{try: 10 * time.Second, pause: 5 * time.Millisecond, quiet: 5 * time.Minute, poll: 2 * time.Second}
	return c
}

// Quiet says how long a stream may be silent.
func (c *Client) Quiet(d time.Duration) { c.times.quiet = d }

// Try says how long one try may take.
func (c *Client) Try(d time.Duration) { c.times.try = d }

// What a client makes of Retry-After, and how long it waits.
var (
	RetryAfter = retryAfter
	Wait       = wait
)
