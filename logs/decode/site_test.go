package decode

import (
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
)

func TestSite(t *testing.T) {
	for line, site := range map[string]uint32{
		`{"msg":"x","logger":"Travel2Controller#115"}`:                                                        115,
		`{"msg":"x","logger":"a/b.go:17:4"}`:                                                                  17,
		`{"msg":"x","logger":"orders","caller":"a/b.go:18"}`:                                                  18,
		`{"msg":"x","logger":"Orders.java:12","caller":"Base.java:99"}`:                                       12,
		`{"msg":"x","source":{"class":"o.e.A","method":"f","file":"A.java","line":19}}`:                       19,
		`{"msg":"x","log.origin.file.line":20}`:                                                               20,
		`{"message":"x","log":{"level":"info","logger":"a.B","origin":{"file":{"name":"B.java","line":21}}}}`: 21,
		`{"msg":"x","code.lineno":22}`:                                                                        22,
		`{"msg":"x","attributes":{"code.line.number":"23"}}`:                                                  23,
		`{"msg":"x","location":"o.e.A.f(A.java:24)"}`:                                                         24,
		`{"name":"root","levelname":"INFO","message":"x","lineno":25}`:                                        25,
		`{"message":"x","logging.googleapis.com/sourceLocation":{"file":"a.go","line":"26"}}`:                 26,
		`level=info msg=x caller=a.go:27`:                                                                     27,
		"2026-01-02 15:04:05 INFO Foo.java:28: placed":                                                        28,
		"I0102 15:04:05.067890    1234 server.go:29] it began":                                                29,
		strings.ReplaceAll(strings.ReplaceAll(otlpLine, `[{"key":"exc`, `[{"key":"code.line.number","value":{"intValue":"30"}},{"key":"exc`), `,"new_field":1`, `,"attributes":[{"key":"code.lineno","value":{"intValue":30}}]`): 30,

		// No number of a line.
		`{"msg":"x","logger":"o.e.Orders"}`:                       0,
		`{"msg":"x","logger":"Lifetime[14]"}`:                     0, // or a process
		`{"msg":"x","logger":"akka://shop/user/basket#12345678"}`: 0,
		`{"msg":"x","location":"shelf:17"}`:                       0,
		`{"msg":"x","location":17}`:                               0,
		`{"msg":"x","location":")"}`:                              0,
		`{"msg":"x","lineno":-3}`:                                 0,
		`{"msg":"x","line":17,"file":"orders.csv:17"}`:            0,
		`{"msg":"Foo.java:12"}`:                                   0,
		"Jan  2 15:04:05 host app[17]: placed":                    0,
		"2026-01-02 15:04:05 INFO o.e.Orders: placed":             0,
		"placed at a.go:17":                                       0,
	} {
		// The record before has a number, which the next one does not inherit.
		for i, got := range decodeAll(t, `{"msg":"before","caller":"x.go:7"}`+"\n"+line, Options{})[1:] {
			if got.site != site {
				t.Errorf("%s\nrecord %d has site %d, want %d", line, i, got.site, site)
			}
		}
	}
}

func TestSiteOfLabels(t *testing.T) {
	var got []uint32
	d := NewDecoder(Options{}, func(r *logs.Record) error { got = append(got, r.Site); return nil })
	for _, line := range []string{"no logger", `{"msg":"x","caller":"b.go:2"}`, `{"msg":"x","logger":"orders","lineno":3}`, `{"msg":"x","lineno":4}`} {
		if err := d.Line([]byte(line), &logs.Record{Logger: []byte("orders"), Site: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Line([]byte("no logger"), &logs.Record{Logger: []byte("a.go:5"), Site: 1}); err != nil {
		t.Fatal(err)
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := []uint32{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("sites %v, want %v", got, want)
	}
}
