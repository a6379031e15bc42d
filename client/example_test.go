package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/judged-dev/judged/analysis"
	"github.com/judged-dev/judged/client"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/server"
)

// Judge samples that are at hand: the latency of the canary is half as much
// again.
func Example() {
	judged, err := server.New(server.Options{Sources: analysis.NewSources()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer judged.Close()
	web := httptest.NewServer(judged.Handler())
	defer web.Close()

	c, err := client.New(web.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	baseline := []float64{101, 99, 100, 102, 98, 100, 101, 99, 100, 102, 98, 100}
	canary := make([]float64, len(baseline))
	for i, v := range baseline {
		canary[i] = 1.5*v + float64(i%3)
	}
	judgment, err := c.Judge(context.Background(), &judgedv1.JudgeRequest{Signals: []*judgedv1.SignalSamples{{
		Name: "latency", Unit: "ms", Direction: judgedv1.Direction_INCREASE,
		Baseline: &judgedv1.Samples{Values: baseline},
		Canary:   &judgedv1.Samples{Values: canary},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(judgment.GetVerdict())

	// A refusal says what to change.
	_, err = c.Judge(context.Background(), &judgedv1.JudgeRequest{})
	if e, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(e.Code)
		fmt.Println(e)
	}
	// Output:
	// FAIL
	// invalid_argument
	// judge: signals: send at least one signal: without one there is nothing to judge
}
