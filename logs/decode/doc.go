/*
Package decode turns the lines of logs into [logs.Record] values.

A [Reader] decodes a stream of bytes, a [Decoder] the lines that a backend hands
out one at a time. Both know

  - JSON, one object a line, with the field names of the usual loggers,
  - logfmt: level=info msg="order placed" order=17
  - plain text: a time, a level, a thread, a logger, then the message,
  - the lines of container runtimes (CRI) and of Docker, which hold one of these,
  - OTLP: the JSON lines of the OpenTelemetry collector's file exporter, and
    the protobuf that is pushed to an OTLP endpoint, see [Decoder.OTLP].

Every line is recognised by itself, so that a stream may mix formats as the
output of a container does. A line of plain text where most lines have fields
is counted as malformed. The lines of a stack trace belong to the record
before them, with a line break between. Empty lines are skipped.

A time without a zone is UTC; without a year or a date it is the latest such
time before Options.Now.

What a record holds is valid UTF-8 without control characters other than tab
and line break; the escape sequences of terminals are gone. Nothing here
allocates for a line of JSON, logfmt or plain text once its buffers have grown.
*/
package decode
