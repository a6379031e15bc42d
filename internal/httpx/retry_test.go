package httpx

import (
	"net/http"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for range 100 {
		b := backoff{}
		for i, ms := range []int64{250, 500, 1000, 2000, 4000, 8000, 10000, 10000} {
			want := time.Duration(ms) * time.Millisecond
			if got := b.next(0); got < want/2 || got > want*3/2 {
				t.Fatalf("pause %d is %s, want %s varied by half", i, got, want)
			}
		}
	}
	b := backoff{n: 100}
	if got := b.next(0); got < 5*time.Second || got > 15*time.Second {
		t.Errorf("the hundredth pause is %s", got)
	}
	if got := b.next(20 * time.Second); got < 20*time.Second || got > 24*time.Second {
		t.Errorf("when asked for 20 s, the pause is %s", got)
	}
}

// The longest duration, as float64 rounds it.
const seconds292Years = 9223372035*time.Second + 512

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	tests := []struct {
		header, value string
		want          time.Duration
	}{
		{"Retry-After", "", 0},
		{"Retry-After", "0", 0},
		{"Retry-After", " 7 ", 7 * time.Second},
		{"Retry-After", "1.5", 1500 * time.Millisecond},
		{"Retry-After", "-1", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "1e300", seconds292Years},
		{"Retry-After", "soon", 0},
		{"Retry-After", "Fri, 02 Jan 2026 03:00:30 GMT", 30 * time.Second},
		{"Retry-After", "Friday, 02-Jan-26 03:00:30 GMT", 30 * time.Second},
		{"Retry-After", "Fri, 02 Jan 2026 02:00:30 GMT", 0},
		{"X-RateLimit-Reset", "12", 12 * time.Second},
		{"X-RateLimit-Reset", "x", 0},
	}
	for _, test := range tests {
		h := http.Header{}
		h.Set(test.header, test.value)
		if got := retryAfter(h, "X-RateLimit-Reset", now); got != test.want {
			t.Errorf("%s: %q is %s, want %s", test.header, test.value, got, test.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Fri, 02 Jan 2026 03:00:30 GMT")
	f.Add("-1e999")
	f.Fuzz(func(t *testing.T, value string) {
		if got := retryAfter(http.Header{"Retry-After": {value}}, "", time.Unix(0, 0)); got < 0 {
			t.Errorf("%q is %s", value, got)
		}
	})
}
