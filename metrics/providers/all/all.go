// Package all links every driver, so that a program knows all kinds of
// sources after
//
//	import _ "github.com/judged-dev/judged/metrics/providers/all"
//
// A program that wants fewer imports single drivers instead, or leaves out the
// heavy ones with a build tag:
//
//	go build -tags no_datadog ./cmd/judged   # Datadog's client takes a minute to compile
//
// It has no functionality itself. To write a driver, see the check list in
// metrics/providertest.
package all

import (
	_ "github.com/judged-dev/judged/metrics/providers/prometheus" // prometheus
)
