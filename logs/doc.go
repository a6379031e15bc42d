/*
Package logs reads log lines, whatever wrote them, as [Record] values. Packages
below it turn them into evidence:

  - decode: bytes into records: JSON, logfmt, plain text, CRI, Docker, OTLP
  - redact: secrets out of what people will read
  - template: which lines came from the same statement of a program
  - mine: how often each did so, where and when, in bounded memory
  - compare: baseline against canary, as findings of package judge
  - providers: where lines are kept

A [Source] streams: nothing keeps more than a line of it. Windows, settings,
scope variables and errors are those of package metrics, since a config names
both kinds of sources alike.
*/
package logs
