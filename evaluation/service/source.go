package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/judged-dev/judged/metrics"
)

// value is what a query answers at a moment: the same to whoever asks, whenever.
// Both sides have the same level, so that nothing ends an analysis early.
func value(expr string, at time.Time) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, expr, at.UnixMilli()) // a hash takes everything
	a := float64(h.Sum64()>>11) / (1 << 53)
	_, _ = h.Write([]byte{1})
	b := float64(h.Sum64()>>11) / (1 << 53)
	normal := math.Sqrt(-2*math.Log(1-a)) * math.Cos(2*math.Pi*b)
	return math.Round(1000*(100+2*normal)) / 1000
}

// prometheus answers range queries over HTTP with value.
func prometheus(ctx context.Context) (url string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		start, err1 := strconv.ParseFloat(r.FormValue("start"), 64)
		end, err2 := strconv.ParseFloat(r.FormValue("end"), 64)
		step, err3 := strconv.ParseFloat(r.FormValue("step"), 64)
		if err1 != nil || err2 != nil || err3 != nil || step <= 0 || (end-start)/step > 11000 {
			http.Error(w, "bad range", http.StatusBadRequest)
			return
		}
		var values [][2]any
		for i := 0; ; i++ {
			t := start + float64(i)*step
			if t > end+1e-6 {
				break
			}
			at := time.UnixMilli(int64(math.Round(t * 1000)))
			values = append(values, [2]any{float64(at.UnixMilli()) / 1000, strconv.FormatFloat(value(r.FormValue("query"), at), 'g', -1, 64)})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{
			"resultType": "matrix", "result": []any{map[string]any{"metric": map[string]string{}, "values": values}},
		}})
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // until the program ends
	return "http://" + l.Addr().String(), nil
}

// generated is a source in the process itself: its answers cost little, so that
// what is measured is judged.
type generated struct{}

func (generated) Close() error { return nil }

// Query implements metrics.Source.
func (generated) Query(_ context.Context, q metrics.Query) (metrics.Result, error) {
	points := make([]metrics.Point, q.Grid.N)
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(q.Expr)) // a hash takes everything
	base := seed.Sum64()
	for i := range points {
		at := q.Grid.Time(i)
		// SplitMix64: the sum of its four 16-bit parts is nearly normal.
		x := base ^ uint64(at.UnixNano())
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
		sum := x&0xffff + x>>16&0xffff + x>>32&0xffff + x>>48
		points[i] = metrics.Point{Time: at, Value: 100 + 2*(float64(sum)-131070)/37837}
	}
	return metrics.Result{Series: []metrics.Series{{Points: points}}}, nil
}

// generator is the provider of generated.
var generator = metrics.Provider{
	Name: "generated",
	Expand: func(query string, variables map[string]string) (string, error) {
		return metrics.ExpandTemplate(query, variables, func(_, _, value string) (string, error) { return value, nil })
	},
	Open: func(metrics.Settings) (metrics.Source, error) { return generated{}, nil },
}
