package decode

import (
	"fmt"
	"strings"
	"testing"
)

// Each case is the input; records are separated by lines of "==". A record is
// whole if its message is the lines of its part, but for the first one's header.
func TestStackTraces(t *testing.T) {
	for name, c := range map[string]string{
		"java": `2026-01-02 15:04:05,678 ERROR [main] o.e.Orders: failed
java.lang.IllegalStateException: no stock
	at o.e.Orders.place(Orders.java:17)
	at java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.io.IOException: closed
	at o.e.Stock.get(Stock.java:9)
	... 12 more
==
2026-01-02 15:04:06,678 INFO [main] o.e.Orders: next`,
		"java without a logger": `Exception in thread "main" java.lang.Error: x
	at o.e.A.main(A.java:1)
==
2026-01-02 15:04:06,678 INFO [main] o.e.Orders: next`,
		"two warnings": `2026-01-02 15:04:05,678 WARN [main] o.e.Orders: one
==
2026-01-02 15:04:05,679 WARN [main] o.e.Orders: two`,
		"an exception's name after good news is a record": `2026-01-02 15:04:05,678 INFO [main] o.e.Orders: done
==
java.lang.IllegalStateException: no stock
	at o.e.Orders.place(Orders.java:17)`,
		"python": `2026-01-02 15:04:05,678 ERROR shop.orders: failed
Traceback (most recent call last):
  File "/app/orders.py", line 17, in place
    stock.take(1)
ValueError: no stock

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/orders.py", line 19, in place
    raise Bad()
shop.Bad
==
2026-01-02 15:04:06,678 INFO shop.orders: next`,
		"python on its own": `Traceback (most recent call last):
  File "/app/orders.py", line 17, in place
KeyError: 'x'
==
next`,
		"go": `panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.place(...)
	/app/main.go:17
main.main()
	/app/main.go:9 +0x1d
exit status 2
==
listening again`,
		"go http": `2026/01/02 15:04:05 http: panic serving 192.0.2.1:9: boom
goroutine 19 [running]:
net/http.(*conn).serve.func1()
	/usr/local/go/src/net/http/server.go:1868 +0xb9
created by net/http.(*Server).Serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3086 +0x5cb
==
2026/01/02 15:04:06 next`,
		".net": `2026-01-02 15:04:05.678 [ERROR] failed
System.InvalidOperationException: no stock
 ---> System.IO.IOException: closed
   at Shop.Stock.Get() in /src/Stock.cs:line 9
   --- End of inner exception stack trace ---
   at Shop.Orders.Place() in /src/Orders.cs:line 17
==
2026-01-02 15:04:06.678 [INFO] next`,
		"node": `Error: connect ECONNREFUSED
    at TCPConnectWrap.afterConnect (node:net:1555:16) {
  errno: -111,
  code: 'ECONNREFUSED'
}
==
listening`,
		"ruby": `app.rb:10:in 'place': no stock (RuntimeError)
	from app.rb:5:in 'run'
	from app.rb:2:in '<main>'
==
listening`,
		"php": `[02-Jan-2026 15:04:05] PHP Fatal error:  Uncaught Bad: x in /a.php:1
Stack trace:
#0 /a.php(3): f()
#1 {main}
  thrown in /a.php on line 1
==
[02-Jan-2026 15:04:06] next`,
		"rust": `2026-01-02T15:04:05Z ERROR shop: failed
stack backtrace:
   0: shop::place
             at ./src/main.rs:17:5
==
2026-01-02T15:04:06Z INFO shop: next`,
		"indented text below a header": `2026-01-02 15:04:05 INFO a.B: SELECT *
  FROM orders
==
2026-01-02 15:04:06 INFO a.B: next`,
		"indented lines without a header": `one
==
  two
==
three`,
		"indented times": `2026-01-02 15:04:05 INFO a.B: one
==
  2026-01-02 15:04:06 INFO a.B: two`,
		"json": `{"level":"error","msg":"failed"}
==
   text that is not a frame's
==
{"level":"error","msg":"next"}
	at o.e.A.f(A.java:1)`,
	} {
		t.Run(name, func(t *testing.T) {
			parts := strings.Split(c, "\n==\n")
			got := decodeAll(t, strings.Join(parts, "\n"), Options{})
			if len(got) != len(parts) {
				t.Fatalf("%d records, want %d: %+v", len(got), len(parts), got)
			}
			for i, part := range parts {
				var lines []string
				for line := range strings.SplitSeq(part, "\n") {
					if line != "" {
						lines = append(lines, line)
					}
				}
				_, rest, _ := strings.Cut(got[i].message, "\n")
				if w := strings.Join(lines[1:], "\n"); rest != w {
					t.Errorf("record %d continues with\n%s\nwant\n%s", i, rest, w)
				}
			}
		})
	}
}

func TestMessageOnTheNextLine(t *testing.T) {
	got := decodeAll(t, "info: Shop.Hosting[14]\n      Now listening\n      on 8080\nwarn: Shop.Hosting[3]\n      slow", Options{})
	if len(got) != 2 || got[0].logger != "Shop.Hosting" || got[0].message != "Now listening\n      on 8080" || got[1].message != "slow" {
		t.Errorf("got %+v", got)
	}
}

func TestLongTraceIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("2026-01-02 15:04:05 ERROR a.B: failed\n")
	for i := range 2 * maxRecordLines {
		fmt.Fprintf(&b, "\tat a.B.f%d(B.java:1)\n", i)
	}
	b.WriteString("2026-01-02 15:04:06 INFO a.B: next\n")
	got, s := decodeSummary(t, b.String(), Options{})
	if len(got) != 2 || strings.Count(got[0].message, "\n") != maxRecordLines-1 {
		t.Fatalf("%d records, the first of %d lines; want 2, of %d", len(got), strings.Count(got[0].message, "\n")+1, maxRecordLines)
	}
	if s.Cut != maxRecordLines+1 {
		t.Errorf("%d lines were cut, want %d", s.Cut, maxRecordLines+1)
	}
	text := "2026-01-02 15:04:05 ERROR a.B: failed\n" + strings.Repeat("\tat "+strings.Repeat("é", 8000)+"\n", 9)
	if got, s := decodeSummary(t, text, Options{}); len(got[0].message) > maxRecord || s.Cut == 0 {
		t.Errorf("a record of %d bytes, %d cut; want at most %d", len(got[0].message), s.Cut, maxRecord)
	}
}
