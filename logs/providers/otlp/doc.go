/*
Package otlp reads the logs that were pushed to judged as OTLP.

[Split] and [FromJSON] turn what an OpenTelemetry collector or SDK sent into the
entries of a spool; the [logs.Source] of this package reads them again. Between
the two is a directory, so that the one who reads need not be the one who received.

# Queries

A query is a list of matchers, all of which must hold:

	service.name="checkout", service.version="${version}", k8s.pod.name!~"debug-.*"

The names are those of resource attributes, which say what a record's sender is;
attributes of scopes and records say what happened and are not asked. The operators
are those of Prometheus: =, !=, =~ and !~, the last two with an RE2 expression for
the whole value. An attribute that is not there has the value "", and so have
lists, maps and bytes; numbers and truth values match as they are printed. Values
stand in double quotes, with the escapes of Go, or raw between backquotes.

What service.name and service.version exclude is skipped without being read.
*/
package otlp
