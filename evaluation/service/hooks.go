package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
	"github.com/judged-dev/judged/proto/judged/v1/judgedv1connect"
)

// hooks calls Flagger's webhooks at a fixed rate while analyses are live, and says
// how long they take.
func hooks(ctx context.Context, s settings) error {
	dir, remove, err := workspace(s)
	if err != nil {
		return err
	}
	defer remove()
	if s.binary == "" {
		if s.binary, err = build(ctx, dir); err != nil {
			return err
		}
	}
	source, err := prometheus(ctx)
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "judged.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "sources:\n  prod: {provider: prometheus, url: %q, timeout: 5s}\n", source), 0o600); err != nil {
		return err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	p, err := newProcess(dir, "judged", nil, s.binary, "serve", "--config", config, "--listen", address, "--store", filepath.Join(dir, "judged.db"))
	if err != nil {
		return err
	}
	p.address = address
	defer func() { _ = p.signal(syscall.SIGTERM) }()
	if err := errors.Join(p.start(), p.ready(ctx)); err != nil {
		return err
	}
	if err := storeConfig(ctx, p, s.signals); err != nil {
		return err
	}
	caller := hookCaller{base: "http://" + address + "/flagger/", client: newKeepingHTTP()}
	began := time.Now()
	if err := caller.startAll(ctx, s.analyses); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d analyses started in %v\n", s.analyses, time.Since(began).Round(time.Millisecond))
	cpu, _, err := p.usage()
	if err != nil {
		return err
	}
	began = time.Now()
	took, err := caller.callAll(ctx, s)
	if err != nil {
		return err
	}
	all := time.Since(began)
	after, rss, err := p.usage()
	if err != nil {
		return err
	}
	slices.Sort(took)
	q := func(share float64) time.Duration {
		return took[min(int(share*float64(len(took))), len(took)-1)].Round(10 * time.Microsecond)
	}
	fmt.Println("| analyses | hooks a second | hooks | median | 99 % | 99.9 % | most | of one core | most memory |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	fmt.Printf("| %d | %d | %d | %v | %v | %v | %v | %.0f %% | %d MB |\n", s.analyses, s.rate, len(took), q(.5), q(.99), q(.999), q(1),
		100*(after-cpu).Seconds()/all.Seconds(), rss>>20)
	return nil
}

// storeConfig stores the config of all canaries, with a look a minute for half an
// hour.
func storeConfig(ctx context.Context, p *process, signals int) error {
	config := &judgedv1.CanaryConfig{Name: "shop", Schedule: &judgedv1.Schedule{Duration: durationpb.New(30 * time.Minute), Stop: judgedv1.Stop_AT_END}}
	for i := range signals {
		config.Metrics = append(config.Metrics, &judgedv1.Metric{
			Name: fmt.Sprint("signal-", i), Source: "prod", Query: fmt.Sprintf(`signal_%d{target="${target}"}`, i), Direction: judgedv1.Direction_INCREASE,
		})
	}
	_, err := judgedv1connect.NewConfigServiceClient(newHTTP(), "http://"+p.address).CreateConfig(ctx, connect.NewRequest(&judgedv1.CreateConfigRequest{Config: config}))
	return err
}

type hookCaller struct {
	base   string
	client *http.Client
}

// call calls the hook of a canary. Another answer than the expected is an error.
func (c hookCaller) call(ctx context.Context, hook string, canary, want int) error {
	body, err := json.Marshal(map[string]any{
		"name": fmt.Sprint("app-", canary), "namespace": "prod", "phase": "Progressing", "checksum": "85d557f47b", "metadata": map[string]string{"config": "shop"},
	})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+hook, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != want {
		return fmt.Errorf("%s of canary %d: %d, want %d: %s", hook, canary, answer.StatusCode, want, text)
	}
	return nil
}

// startAll starts the analyses over a minute, so that their looks come evenly as
// those of releases do that know nothing of each other.
func (c hookCaller) startAll(ctx context.Context, n int) error {
	_, err := paced(ctx, n, time.Minute/time.Duration(n), func(i int) error { return c.call(ctx, "start", i, http.StatusOK) })
	return err
}

// callAll calls the hooks of one canary after the other.
func (c hookCaller) callAll(ctx context.Context, s settings) ([]time.Duration, error) {
	kinds := []struct {
		hook string
		want int
	}{
		// No analysis is over, and none is bad.
		{"rollback", http.StatusConflict}, {"rollout", http.StatusOK}, {"confirm-traffic-increase", http.StatusOK}, {"confirm-promotion", http.StatusConflict},
	}
	return paced(ctx, int(s.duration.Seconds()*float64(s.rate)), time.Second/time.Duration(s.rate), func(i int) error {
		kind := kinds[i%len(kinds)]
		return c.call(ctx, kind.hook, i/len(kinds)%s.analyses, kind.want)
	})
}

// paced does n things, one every so often whether or not the ones before are done,
// and returns how long each took from the moment at which it was due.
func paced(ctx context.Context, n int, every time.Duration, do func(i int) error) ([]time.Duration, error) {
	took, errs := make([]time.Duration, n), make([]error, n)
	began := time.Now()
	var group sync.WaitGroup
	for i := range n {
		due := began.Add(time.Duration(i) * every)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		group.Go(func() {
			errs[i] = do(i)
			took[i] = time.Since(due)
		})
	}
	group.Wait()
	return took, errors.Join(errs...)
}
