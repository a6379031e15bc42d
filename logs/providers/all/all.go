// Package all links every driver of logs, so that a program knows all kinds of
// sources after
//
//	import _ "github.com/judged-dev/judged/logs/providers/all"
//
// A program that wants fewer imports single drivers instead. It has no
// functionality itself. To write a driver, see logs/sourcetest.
package all

import (
	_ "github.com/judged-dev/judged/logs/providers/cloudwatch"    // cloudwatch
	_ "github.com/judged-dev/judged/logs/providers/datadog"       // datadog
	_ "github.com/judged-dev/judged/logs/providers/elasticsearch" // elasticsearch
	_ "github.com/judged-dev/judged/logs/providers/files"         // files
	_ "github.com/judged-dev/judged/logs/providers/gcp"           // gcp
	_ "github.com/judged-dev/judged/logs/providers/loki"          // loki
	_ "github.com/judged-dev/judged/logs/providers/otlp"          // otlp
	_ "github.com/judged-dev/judged/logs/providers/splunk"        // splunk
)
