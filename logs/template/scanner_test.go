package template

import (
	"bytes"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
)

func scan(message string) (text string, slots []string) {
	var s Scanner
	s.Scan([]byte(message))
	for _, slot := range s.Slots() {
		slots = append(slots, message[slot.Start:slot.End])
	}
	return string(s.AppendText(nil)), slots
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ message, text, slots string }{
		{"", "", ""},
		{"cache is warm", "cache is warm", ""},
		{"served 17 requests", "served <*> requests", "17"},
		{"  served\t17   requests \r\n", "served <*> requests", "17"},
		{"step 3 of 5.", "step <*> of <*>.", "3 5"},
		{"state......ready7", "state......<*>", "ready7"},
		{"page 4...9", "page <*>...<*>", "4 9"},
		{"user <*> left", "user <*> left", "<*>"},
		// Numbers and what is glued to them.
		{"at 10:20:30,123 on 2023-01-29T10:20:30.5Z", "at <*> on <*>", "10:20:30,123 2023-01-29T10:20:30.5Z"},
		{"peer 10.0.0.1:8080, again", "peer <*>, again", "10.0.0.1:8080"},
		{"ids [1,2,3] and [1, 2, 3]", "ids [<*>] and [<*>, <*>, <*>]", "1,2,3 1 2 3"},
		{"took 5 ms, kept 1.5 GB (3 s)", "took <*>, kept <*> (<*>)", "5 ms|1.5 GB|3 s"},
		{"5 sheep", "<*> sheep", "5"},
		{"Sat May 04 09:51:52 CST 2013", "<*> <*> <*> <*> CST <*>", "Sat May 04 09:51:52 2013"},
		{"you May ask", "you May ask", ""},
		{"3:15 PM", "<*>", "3:15 PM"},
		{"mac 00:1f:ab:cd:e1:02 or ab:cd:ef:01:02:03 up", "mac <*> or <*> up", "00:1f:ab:cd:e1:02 ab:cd:ef:01:02:03"},
		{"10:Got it", "<*>:Got it", "10"},
		{"deadbeef cafe facade", "<*> cafe facade", "deadbeef"},
		{"key ****** set", "key <*> set", "******"},
		// Names of things.
		{"read /etc/app/main.conf and /tmp", "read <*> and /tmp", "/etc/app/main.conf"},
		{"and/or ./run/me", "and/or <*>", "./run/me"},
		{`load C:\Users\me\x.dll now`, "load <*> now", `C:\Users\me\x.dll`},
		{"call db.example.com or ops@example.org.", "call <*> or <*>", "db.example.com ops@example.org."},
		{"class org.apache.Foo in main.go", "class org.apache.Foo in main.go", ""},
		{"set 'max' and \"min\", not \"a b\"", "set '<*>' and \"<*>\", not \"a b\"", "max min"},
		{"can't and won't", "can't and won't", ""},
		{`{"status":"open","n":5}`, `{"status":"<*>","n":<*>}`, "open 5"},
		// Values.
		{"enabled true, next null", "enabled <*>, next <*>", "true null"},
		{"name=ada kind = tall x== y=>z", "name=<*> kind = <*> x== y=>z", "ada tall"},
		{"ruser= rhost=a.b  user=root", "ruser= rhost=<*> user=<*>", "a.b root"},
		{"url=http://a/b?c=d", "url=<*>?c=<*>", "http://a/b d"},
		{`tag="two words" msg="two words" err=EOF`, `tag="<*>" msg="two words" err=EOF`, "two words|"},
		{"Order(id=3, who=ada)", "Order(id=<*>, who=<*>)", "3 ada"},
		// Other scripts and bytes that are no text.
		{"用户123登录", "用户<*>登录", "123"},
		{"café crème", "café crème", ""},
		{"got \xff\xfe\xfd from peer", "got <*> from peer", "\xff\xfe\xfd"},
		{"\x1b[31mERROR\x1b[0m at \x1b[1;32m5\x1b[0m", "ERROR at <*>", "5"},
		{"a\x00b\x1b", "a b", ""},
	} {
		text, slots := scan(c.message)
		separator := " "
		if strings.Contains(c.slots, "|") {
			separator = "|"
		}
		if got := strings.Join(slots, separator); text != c.text || strings.TrimSuffix(c.slots, "|") != got {
			t.Errorf("%q\n got %q, slots %q\nwant %q, slots %q", c.message, text, got, c.text, c.slots)
		}
	}
}

var traces = map[string]struct{ message, text string }{
	"java": {
		"Request 17 failed\njava.lang.IllegalStateException: no order 5\n\tat java.base/java.util.Map.of(Map.java:12)\n\tat shop.Cart$$Proxy12.add(Cart.java:40)\n\tat shop.Main.main(Main.java:1)\nCaused by: java.io.IOException: reset\n\tat shop.Net.read(Net.java:7)\n\t... 12 more\n",
		"Request <*> failed\njava.lang.IllegalStateException\nCaused by: java.io.IOException\nat shop.Cart",
	},
	"python": {
		"Request 17 failed\nTraceback (most recent call last):\n  File \"/srv/app/main.py\", line 12, in handle\n    run()\n  File \"/srv/app/cart.py\", line 99, in add\n    raise ValueError(\"no\")\nValueError: no order 5\n",
		"Request <*> failed\nValueError\nat cart.py:add",
	},
	"go": {
		"panic: boom 5\n\ngoroutine 1 [running]:\npanic({0x1, 0x2})\n\t/usr/lib/go/src/runtime/panic.go:12 +0x1\nexample.com/shop/cart.(*Cart).Add(0x1)\n\t/src/cart.go:40 +0x1d\nmain.main()\n\t/src/main.go:7 +0x1\n",
		"panic: boom <*>\nat cart.Cart.Add",
	},
	"javascript": {
		"TypeError: x is undefined\n    at async handle (/srv/app.js:10:5)\n    at node:internal/process:95:5",
		"TypeError: x is undefined\nat handle",
	},
	"plain": {"first of two\nsecond line\n", "first of two"},
}

// The line with its trace is known by its message, the exceptions and the first
// frame of the application.
func TestTraces(t *testing.T) {
	for name, c := range traces {
		if text, _ := scan(c.message); text != c.text {
			t.Errorf("%s:\n got %q\nwant %q", name, text, c.text)
		}
		moved := strings.NewReplacer(":40", ":41", "line 99", "line 98", "order 5", "order 6", ":10:5", ":11:6").Replace(c.message)
		if text, _ := scan(moved); text != c.text {
			t.Errorf("%s: other line numbers give %q", name, text)
		}
	}
}

// Traces are often longer than what is looked at: what lies in it still counts.
func TestLongTrace(t *testing.T) {
	message := "gone\nshop.CartError: x\n\tat shop.Cart.add(Cart.java:1)\n" + strings.Repeat("\tat shop.Main.run(Main.java:2)\n", 1000)
	if text, _ := scan(message); text != "gone\nshop.CartError\nat shop.Cart.add" {
		t.Errorf("%q", text)
	}
	const head = "gone\nCaused by: "
	if text, _ := scan(head + strings.Repeat("x", MaxBytes)); text != "gone" {
		t.Errorf("half a class: %.60q", text)
	}
}

func TestBounds(t *testing.T) {
	var s Scanner
	for name, c := range map[string]struct {
		message string
		cut     bool
	}{
		"as long as may be": {strings.Repeat("x", MaxBytes), false},
		"a byte longer":     {strings.Repeat("x", MaxBytes+1), true},
		"as many tokens":    {strings.Repeat("a 1 ", MaxTokens/2), false},
		"one more":          {strings.Repeat("a 1 ", MaxTokens/2) + "a", true},
		"quotes":            {strings.Repeat(`"x" `, MaxTokens+1), true},
		"masks":             {strings.Repeat("<*> ", MaxTokens+1), true},
	} {
		s.Scan([]byte(c.message))
		if s.Cut() != c.cut {
			t.Errorf("%s: cut is %v", name, s.Cut())
		}
		if len(s.Slots()) > MaxSlots {
			t.Errorf("%s: %d slots", name, len(s.Slots()))
		}
	}
}

// Stored ids stay valid only while these stay what they are.
func TestHashIsPinned(t *testing.T) {
	var s Scanner
	for message, want := range map[string]uint64{
		"":                                  0x1bd36ecdd96bdb2d,
		"cache is warm":                     0x245f82413290d7f5,
		"served 17 requests":                0x3c6ba9ebc1a92b58,
		"a line of 33 bytes is longer than": 0x7c09f5b0b97b6e82,
	} {
		s.Scan([]byte(message))
		if got := s.Hash(); got != want {
			t.Errorf("%q: %#x, want %#x", message, got, want)
		}
	}
	s.Scan([]byte("served 17 requests"))
	h := s.Hash()
	if got := Mix(h, logs.Error, []byte("shop.Cart")); got != 0x92d5fea7783b89b6 {
		t.Errorf("mixed: %#x", got)
	}
	seen := map[uint64]bool{}
	for _, level := range []logs.Level{logs.NoLevel, logs.Info, logs.Error} {
		for _, logger := range []string{"", "a", "b"} {
			seen[Mix(h, level, []byte(logger))] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d identities of 9 pairs of level and logger", len(seen))
	}
}

func TestShortWordsHaveTheirOwnPlaces(t *testing.T) {
	for w, kind := range shortWords {
		if len(w) > longestShortWord {
			t.Errorf("%s is longer than longestShortWord", w)
		}
		if got := kindOf(load([]byte(w), 0)); got != kind {
			t.Errorf("%s: kind %d, want %d: choose another wordTableFactor", w, got, kind)
		}
	}
	if kindOf(0) != 0 {
		t.Error("no word has a kind")
	}
}

// Every byte alone, and at each place of a word, is what the table of classes says.
func TestClassesOfEightBytes(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			message := append(bytes.Repeat([]byte("x"), at), byte(c), 'y')
			var s Scanner
			s.Scan(message)
			want := 1
			if at > 0 && classes[c]&wordByte == 0 && c != '\n' { // a trace follows that
				want = 2
			}
			if s.tokens != want {
				t.Fatalf("byte %#x at %d: %d words, want %d", c, at, s.tokens, want)
			}
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	var s Scanner
	lines := generated(100)
	for _, c := range traces {
		lines = append(lines, []byte(c.message))
	}
	s.Scan(bytes.Repeat([]byte("x"), MaxBytes))
	if n := testing.AllocsPerRun(10, func() {
		for _, line := range lines {
			s.Scan(line)
			sink += Mix(s.Hash(), logs.Info, nil)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"served 17 requests in 5 ms", "k=v, 'q' \"r\" [1,2]", "\x1b[31mx", "Jan 5 10:00:00", "a\nCaused by: x.Y: z\n\tat a.b(c:1)",
		"x......1..2", "ab:cd:ef:01", "<*>:<*>", "用户1", "\xff1", `C:\a\b 'x"y'`, "***0", "0:A ", `"0!"0`, "0=A B=00", "0\nFile \" \" in 0", "p\nf()\n\t/a.go:1", "a=\"b c\" ****", "File \"a.py\", line 1, in f\nE\nFile \"a.py\", line 1, in f",
	} {
		f.Add([]byte(seed), []byte("other 5"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var s, r, other Scanner
		s.Scan(a)
		text := string(s.AppendText(nil))
		hash := s.Hash()
		end := 0
		for _, slot := range s.Slots() {
			if slot.Start < end || slot.End <= slot.Start || slot.End > len(a) {
				t.Fatalf("%q: slot %v after %d", a, slot, end)
			}
			end = slot.End
		}
		// What was scanned before leaves no trace.
		other.Scan(b)
		otherText, otherHash := string(other.AppendText(nil)), other.Hash()
		other.Scan(a)
		if other.Hash() != hash || string(other.AppendText(nil)) != text {
			t.Fatalf("%q after %q: %q, alone %q", a, b, other.AppendText(nil), text)
		}
		if (hash == otherHash) != (text == otherText) {
			t.Fatalf("%q and %q: texts %q and %q, hashes %x and %x", a, b, text, otherText, hash, otherHash)
		}
		if len(text) <= MaxBytes && !s.Cut() {
			r.Scan([]byte(text))
			if again := string(r.AppendText(nil)); again != text {
				t.Fatalf("%q: %q, scanned again %q", a, text, again)
			}
		}
	})
}
