package kayenta

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func newParser(text string) *parser { return &parser{data: []byte(text)} }

// TestSkipIsJSON compares what is valid with encoding/json.
func TestSkipIsJSON(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `tru`, `nul`, `0`, `-0`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `1e-5`, `1E5`, `-1.5e+10`, `+1`,
		`""`, `"a`, `"\n"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud83c\udf89"`, `"\ud83c"`, "\"\t\"", `"\"`, `"\\"`,
		`[]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[`, `]`, `{}`, `{"a":1}`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{"a":}`, `{"a":1 "b":2}`,
		` [ 1 , { "a" : [ ] } ] `, `NaN`, `Infinity`, `[NaN]`, `1 2`, ``, ` `, `{"a":{"b":[1,{"c":null}]}}`, "\x00", "[1\x00]",
	} {
		p := newParser(text)
		err := p.skip()
		if err == nil {
			err = p.end()
		}
		if valid := json.Valid([]byte(text)); valid != (err == nil) {
			t.Errorf("%s: %v, valid: %v", text, err, valid)
		}
	}
	deep := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	if err := newParser(deep).skip(); err == nil {
		t.Error("2000 levels are accepted")
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		`"a\"\\\/\b\f\n\r\tb"`: "a\"\\/\b\f\n\r\tb",
		`"\u00fc\uD83C\uDF89"`: "ü🎉",
		`"ü🎉"`:                 "ü🎉",
		`"\ud83cx"`:            "\uFFFDx",
		`"\ud83c\u0041"`:       "\uFFFDA",
		`"\udf89"`:             "\uFFFD",
	} {
		if got, err := newParser(text).text(); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", text, got, err, want)
		}
	}
}

// checkNumber compares all ways to read a number with strconv.
func checkNumber(t *testing.T, text string) {
	t.Helper()
	want, _ := strconv.ParseFloat(text, 64)
	if text == "-0" {
		want = 0
	}
	for _, in := range []string{text, text + ",0", text + "]", text + " ,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", text + ",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"} {
		p := newParser(in)
		got, raw, err := p.number()
		if err != nil || math.Float64bits(got) != math.Float64bits(want) || string(raw) != text {
			t.Errorf("%s is %v (%q, %v), want %v", in, got, raw, err, want)
		}
		p = newParser(in)
		if got, ok := p.plainNumber(); ok && (math.Float64bits(got) != math.Float64bits(want) || p.pos != len(text)) {
			t.Errorf("%s is plainly %v up to %d, want %v", in, got, p.pos, want)
		} else if !ok && p.pos != 0 {
			t.Errorf("%s: not plain, but %d bytes are consumed", in, p.pos)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "-0.0", "0.0", "1", "-1", "12345678", "123456789", "12345678.5", "0.1", "0.3", "5e-324", "1e-400", "1e400", "-1e400",
		"9007199254740993", "9007199254740992.5", "0.0000000000000000001", "18446744073709551615", "99999999999999999999",
		"1.7976931348623157e308", "2.2250738585072014e-308", "123.45678901234567890123", "104.33719273651234", "99999999.99999999999",
		"0.1234567890123456789", "4503599627370496.5", "4503599627370497.5", "1.00000000000000011102230246251565", "8.5E+3", "1e22", "1e23",
	} {
		checkNumber(t, text)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		v := math.Float64frombits(r.Uint64())
		if r.IntN(3) > 0 {
			v = r.NormFloat64() * math.Pow(10, float64(r.IntN(20)-10))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		checkNumber(t, strconv.FormatFloat(v, "efg"[r.IntN(3)], []int{-1, r.IntN(21)}[r.IntN(2)], 64))
	}
}

func TestWrongNumbers(t *testing.T) {
	for _, text := range []string{"", "-", "00", "-01", "01.5", ".5", "5.", "5.,", "1.5e", "1.5e+", "1.5ex", "- 1"} {
		p := newParser(text + ",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0")
		if v, ok := p.plainNumber(); ok {
			t.Errorf("%s is plainly %v", text, v)
		}
		if v, _, err := p.number(); err == nil && text != "" && string(p.data[p.pos]) == "," {
			t.Errorf("%s is %v", text, v)
		}
	}
}

func TestDoublesInStrings(t *testing.T) {
	for text, want := range map[string]float64{
		`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), `"INF"`: math.Inf(1), `" 1.5 "`: 1.5, `"-2e3"`: -2000, `"1e999"`: math.Inf(1),
	} {
		got, null, err := newParser(text).double()
		if err != nil || null || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s is %v (%v)", text, got, err)
		}
	}
	for _, text := range []string{`"nan"`, `"inf"`, `"0x10"`, `"1_000"`, `"abc"`, `true`, `[]`, `{}`, `"--1"`} {
		if got, null, err := newParser(text).double(); err == nil {
			t.Errorf("%s is %v (null: %v)", text, got, null)
		}
	}
	for _, text := range []string{`null`, `""`, `" "`} {
		if got, null, err := newParser(text).double(); err != nil || !null {
			t.Errorf("%s is %v (%v), want null", text, got, err)
		}
	}
}

// FuzzNumber compares with strconv for any text that is a number.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-0", "1.5", "104.33719273651234", "1e-5", "123456789.0123456789", "00", "1.", "18446744073709551616"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := newParser(text)
		_, _, err := p.number()
		number := text != "" && (text[0] == '-' || text[0]-'0' <= 9) && json.Valid([]byte(text)) && strings.TrimSpace(text) == text
		if number != (err == nil && p.pos == len(text)) {
			t.Fatalf("%q: %v after %d bytes", text, err, p.pos)
		}
		if number {
			checkNumber(t, text)
		}
	})
}
