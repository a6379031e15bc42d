// Package providertest is what every source of metrics must pass: [Run] puts
// one driver in front of a backend that answers well, badly, slowly, too much,
// or not at all.
//
// To write a driver (see metrics/providers/prometheus for a small one):
//
//   - Open returns a [metrics.Source] over internal/httpx, which brings
//     retries, limits, credentials and error texts; it does not connect.
//   - Expand fills ${variables} by the query language's own quoting. A value
//     can never change the shape of a query: refuse what cannot be quoted.
//   - Query asks for one value an interval, at the interval's end
//     ([metrics.Grid]); gaps are left out, NaN is kept, and a result is whole
//     or an error. A backend that answers at another resolution says so in
//     Result.Step.
//   - An init registers the driver; metrics/providers/all imports it.
//   - A test calls Run with a [Harness], which only has to know how the
//     backend writes its answers.
//   - [Tape] records the real backend once and replays it for ever.
package providertest
