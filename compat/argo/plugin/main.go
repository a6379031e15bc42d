// Judged-argo-plugin is a metric provider plugin of Argo Rollouts: a measurement
// is an analysis of a judged server, from its start to its verdict.
//
// The controller starts it. See docs/integrations/argo-rollouts.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
)

func main() {
	if err := serve(os.Args[1:], os.Stderr); err != nil {
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// serve answers the controller until it ends the process.
func serve(args []string, stderr io.Writer) error {
	s, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		p := &provider{settings: s, now: time.Now}
		if p.http, err = newClient(s); err == nil {
			register()
			goplugin.Serve(&goplugin.ServeConfig{HandshakeConfig: handshake, Plugins: map[string]goplugin.Plugin{pluginName: metricPlugin{p}}})
			return nil
		}
	}
	fmt.Fprintf(stderr, "judged-argo-plugin: %v\n", err)
	return err
}
