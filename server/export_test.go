package server

import "time"

// DeliverAfter sets how long a delivery that failed waits, the same for each of
// so many attempts.
func (o *Options) DeliverAfter(wait time.Duration, attempts int) {
	o.backoff = func(attempt int) (time.Duration, bool) { return wait, attempt < attempts }
}

// KeepAlive sets how often an event stream without news says that it lives.
func (o *Options) KeepAlive(d time.Duration) { o.keepAlive = d }
