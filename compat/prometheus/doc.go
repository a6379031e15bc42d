// Package prometheus answers queries as a Prometheus does, for callers that can ask
// a Prometheus and nothing else: Flagger's MetricTemplates, Argo Rollouts'
// prometheus provider, dashboards.
//
//	GET, POST /prometheus/api/v1/query
//
// It understands two metrics and no operators:
//
//	judged_verdict{key="flagger/test/podinfo"}
//	judged_score{config="checkout",baseline_version="v1",canary_version="v2",window="5m"}
//
// With a key, the answer is what the newest analysis of that key says now; with a
// config, a past window that ends now is judged at once. judged_verdict is 1 for
// PASS, 0 for FAIL, 0.5 for INCONCLUSIVE; judged_score is 0 to 100, NaN before the
// first judgment. Where nothing could be judged there is no value but an error with
// the reason: every caller takes it for a failed measurement, as it takes NaN or an
// empty answer, but only an error's text reaches people. The sentence of a
// judgment is in the warnings, which Argo Rollouts keeps.
//
// vector(1) is 1: Flagger asks it to see whether the server is there.
//
// The format is that of Prometheus' HTTP API,
// https://prometheus.io/docs/prometheus/latest/querying/api/; which statuses keep
// their text was read in client_golang v1.25 (api/prometheus/v1): 400 and 422.
package prometheus
