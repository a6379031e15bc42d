package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/internal/wire"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// BenchmarkCompression compresses an answer of some 64 KiB. saved-us is what
// the saved bytes take on a network of 1 Gbit/s.
func BenchmarkCompression(b *testing.B) {
	request := samples(75, 60, 1.01)
	answer, err := protojson.Marshal(wire.JudgmentProto(analysis.Judge(wire.Inputs(request), 0.05), "bench"))
	if err != nil {
		b.Fatal(err)
	}
	for name, level := range map[string]int{"fastest": gzip.BestSpeed, "default": gzip.DefaultCompression} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(answer)))
			var out bytes.Buffer
			z, err := gzip.NewWriterLevel(&out, level)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				out.Reset()
				z.Reset(&out)
				if _, err := z.Write(answer); err != nil {
					b.Fatal(err)
				}
				if err := z.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(answer)-out.Len())*8/1000, "saved-us")
		})
	}
}

// BenchmarkJudge judges 30 signals of 60 intervals over loopback, and sends
// the same bytes to two echoes on the same server in turn: one that decodes
// and encodes the same message, and one that only copies bytes. x-echo and
// x-copy are how many times as long a judgment takes.
func BenchmarkJudge(b *testing.B) {
	s, err := server.New(server.Options{Sources: analysis.NewSources()})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler())
	mux.HandleFunc("/copy", func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body.Bytes())
	})
	mux.Handle("/echo", connect.NewUnaryHandler("/echo", func(_ context.Context, r *connect.Request[judgedv1.JudgeRequest]) (*connect.Response[judgedv1.JudgeRequest], error) {
		return connect.NewResponse(r.Msg), nil
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	web := &http.Server{Handler: mux}
	go func() { _ = web.Serve(l) }()
	b.Cleanup(func() { web.Close(); s.Close() })

	// Without compression, which would slow down the echoes' large answers.
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	request := samples(30, 60, 1.01)
	encode := map[string]func(proto.Message) ([]byte, error){"application/proto": proto.Marshal, "application/json": protojson.Marshal}
	for _, c := range []struct{ name, path, contentType string }{
		{"proto", judgedv1connect.JudgeServiceJudgeProcedure, "application/proto"},
		{"json", judgedv1connect.JudgeServiceJudgeProcedure, "application/json"},
		{"rest", "/v1/judge", "application/json"},
	} {
		b.Run(c.name, func(b *testing.B) {
			body, err := encode[c.contentType](request)
			if err != nil {
				b.Fatal(err)
			}
			call := func(path string) (time.Duration, int) {
				begin := time.Now()
				response, err := client.Post("http://"+l.Addr().String()+path, c.contentType, bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(response.Status, err)
				}
				return time.Since(begin), int(n)
			}
			var took [3]time.Duration
			var answer int
			for b.Loop() {
				for n, path := range []string{c.path, "/echo", "/copy"} {
					d, size := call(path)
					took[n] += d
					if n == 0 {
						answer = size
					}
				}
			}
			b.ReportMetric(0, "ns/op") // of all three
			b.ReportMetric(float64(took[0].Microseconds())/float64(b.N), "judge-us")
			b.ReportMetric(float64(took[0])/float64(took[1]), "x-echo")
			b.ReportMetric(float64(took[0])/float64(took[2]), "x-copy")
			b.ReportMetric(float64(len(body)), "B-in")
			b.ReportMetric(float64(answer), "B-out")
		})
	}
}
