// Package sourcetest is what every source of logs that is asked over HTTP must
// pass. [Run] puts a driver to two kinds of tests:
//
//   - those of metrics/providertest, where a line stands for a point: servers
//     that fail, hang, redirect, send HTML or never stop; credentials and where
//     they may appear; values that try to break out of a query;
//   - its own, against an imitation of the backend that holds lines: the edges
//     of the window, pages and the lines of one moment at their seams, pages that
//     fail in the middle, MaxLines, an error of each, memory.
//
// To write a driver (see logs/providers/loki):
//
//   - Open returns a [logs.Source] over internal/httpx and does not connect.
//   - Expand fills ${variables} by the query language's own quoting, or refuses.
//   - Read asks page by page with a limit, hands lines to [logs.Delivery], and
//     returns nil only after the last of them. A page is asked for again by
//     httpx, so a request for a page must not move the backend's cursor.
//   - A test calls Run with a [Harness]: how the backend writes an answer, and an
//     http.Handler that answers as the backend does.
package sourcetest
