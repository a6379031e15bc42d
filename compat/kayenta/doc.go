// Package kayenta speaks Kayenta's JSON: requests to a remote judge in, results
// of NetflixACAJudge-v1.0 out. A service that answers POST /judge with it is a
// drop-in judge for an existing Spinnaker (kayenta.remote-judge).
//
//	request, err := kayenta.DecodeRequest(body)
//	...
//	result, err := request.Judge(0)
//	...
//	body = result.AppendJSON(nil)
//
// JudgeLines does the same for a stream of requests, one a line.
//
// The numbers are those of package judge/mannwhitney, equal to Kayenta's to
// the last bit; the JSON has the same fields, the same form of numbers and the
// same order of groups. Which requests fail is Kayenta's choice as well,
// including that of wrong types in the free-form settings of a metric; what
// the errors say is ours: they name the field. Requests are limited in the
// depth of nesting, the number of values and the size of the answer, far
// beyond what Kayenta sends.
//
// The package also holds the documents and rules of Kayenta's own interface,
// on which package rest builds the service: a Config and the queries that it
// asks (Config.Query), the series of both sides and their pairs (MetricSets,
// Mix, Judge), requests and statuses of canaries, and the plan of a standalone
// analysis (PlanStandalone). They keep nothing and call nobody. Documents that
// are refused give an *Error, whose Kind says how Kayenta would answer.
package kayenta
