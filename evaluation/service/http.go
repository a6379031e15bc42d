package main

import "net/http"

// newHTTP returns a client that keeps no connection: the process behind it may
// be gone by then.
func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// newKeepingHTTP returns a client for a process that stays.
func newKeepingHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
}
