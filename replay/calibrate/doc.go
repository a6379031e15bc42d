// Package calibrate measures how often a config FAILs releases that never
// happened: it judges windows of recorded time in which nothing was released,
// signal by signal, and finds the margins that bring the false alarms to a
// target.
//
// Windows come from a [Span], a stretch of time of the config's own sources
// that [Fetch] asks for once and [Span.Windows] cuts, or from labelled cases
// ([Cases]). [Run] judges them on all cores:
//
//	span, err := calibrate.Fetch(ctx, config, sources, stretch)
//	...
//	windows, err := span.Windows(calibrate.LayoutOf(span.Config.Schedule))
//	...
//	r, err := calibrate.Run(ctx, windows, calibrate.Options{Alpha: 0.05, Target: 0.05})
//	...
//	err = calibrate.Text(os.Stdout, r, report.TextOptions{})
//
// # What is promised
//
// Nothing: it is a measurement. Windows that do not overlap still share machines,
// days and histories, so that Wilson's interval, which takes them for
// independent, is the least that is uncertain. Margins that were chosen on the
// windows on which they are then counted look better than they are; the report
// therefore also says what margins chosen on every other window do on the rest.
//
// # Margins
//
// A window's critical margin is the smallest at which a signal does not FAIL
// in it, found by bisection on judging it again. It is taken at the level at
// which Holm's procedure starts, alpha/M for M signals that decide: a window
// FAILs exactly if one of its signals fails there, so the rate of the whole config
// follows from the critical margins of its signals.
package calibrate
