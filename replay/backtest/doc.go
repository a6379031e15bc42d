// Package backtest measures judges on labelled cases: recorded pairs of series
// of which it is known whether the canary was healthy.
//
// A file has one JSON object a line, see [Case]; docs/backtest.md describes the
// format and how to build cases from your own incidents. [Run] reads files,
// lets each [Judge] judge each case on all cores, hands every [Result] out in
// the order of the input and returns a [Report] with false-alarm and detection
// rates, which [Text], [Markdown] and [JSON] print:
//
//	judges, err := backtest.ParseJudges([]string{"default", "kayenta=95"}, judge.DefaultAlpha)
//	...
//	r, err := backtest.Run(ctx, []string{"cases.jsonl.gz"}, backtest.Options{Judges: judges})
//	...
//	err = backtest.Text(os.Stdout, r, report.TextOptions{})
//
// [Inputs] is the one place that says what a case means to a judge; programs
// that need the cases for something else read them with [Open].
package backtest
