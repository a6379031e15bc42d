//go:build unix

package server_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/analysis"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
	"github.com/judged-dev/judged/server"
)

// BenchmarkJudgeAgainstEcho judges 30 signals of 60 intervals, and sends the
// same bytes to an echo on the same listener, which decodes and encodes the same
// message with nothing of the server around it. One iteration is one round of
// both, so that -benchtime 7x reports medians of seven. The callers are a
// process of their own, on the same cores. At full load:
//
//   - x-echo is how many times as many calls the echo answers
//   - x-echo-cpu is how many times as much processor time a judgment takes of
//     this process: x-echo without what the callers take
//
// and at half of the calls that the server answers at most, which arrive at
// random (a Poisson process), whether or not earlier ones have been answered:
// quantiles of the time from when a call is due to its answer.
func BenchmarkJudgeAgainstEcho(b *testing.B) {
	if plan := os.Getenv(loadEnv); plan != "" {
		generateLoad(b, plan)
		return
	}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // a line is written for every call, as in service
	s, err := server.New(server.Options{Sources: analysis.NewSources(), Logger: log})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler())
	mux.Handle("/echo", connect.NewUnaryHandler("/echo", func(_ context.Context, r *connect.Request[judgedv1.JudgeRequest]) (*connect.Response[judgedv1.JudgeRequest], error) {
		return connect.NewResponse(r.Msg), nil
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	web := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	web.Protocols.SetHTTP1(true)
	web.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = web.Serve(l) }()
	b.Cleanup(func() { web.Close(); s.Close() })

	request := samples(30, 60, 1.01)
	message, err := proto.Marshal(request)
	if err != nil {
		b.Fatal(err)
	}
	text, err := protojson.Marshal(request)
	if err != nil {
		b.Fatal(err)
	}
	framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	for _, c := range []struct {
		name, contentType string
		body              []byte
	}{
		{"connect-proto", "application/proto", message},
		{"connect-json", "application/json", text},
		{"grpc", "application/grpc", framed},
	} {
		b.Run(c.name, func(b *testing.B) {
			const judge, echo = 0, 1
			paths := [2]string{judge: judgedv1connect.JudgeServiceJudgeProcedure, echo: "/echo"}
			run := func(path string, rate float64) (loaded, time.Duration) {
				before := processorTime()
				report := callFromOutside(b, load{
					URL: "http://" + l.Addr().String() + path, ContentType: c.contentType, Rate: rate, Time: time.Second,
				}, c.body)
				return report, processorTime() - before
			}
			var perSecond, ratio, cpuRatio, cpu, p50, p99, echoP99 []float64
			for b.Loop() {
				var calls, processor [2]float64
				for of, path := range paths {
					report, took := run(path, 0)
					calls[of] = report.PerSecond
					processor[of] = float64(took.Microseconds()) / float64(report.Calls)
				}
				half, _ := run(paths[judge], calls[judge]/2)
				halfEcho, _ := run(paths[echo], calls[echo]/2)
				perSecond = append(perSecond, calls[judge])
				ratio = append(ratio, calls[echo]/calls[judge])
				cpuRatio = append(cpuRatio, processor[judge]/processor[echo])
				cpu = append(cpu, processor[judge])
				p50, p99, echoP99 = append(p50, half.P50), append(p99, half.P99), append(echoP99, halfEcho.P99)
			}
			b.ReportMetric(0, "ns/op") // of a round
			for unit, values := range map[string][]float64{
				"judge/s": perSecond, "x-echo": ratio, "x-echo-cpu": cpuRatio, "cpu-us": cpu,
				"p50-ms": p50, "p99-ms": p99, "echo-p99-ms": echoP99,
			} {
				slices.Sort(values)
				b.ReportMetric(values[len(values)/2], unit)
			}
		})
	}
}
