/*
Package compare says how the log of a canary differs from that of the baseline:
which templates are new, more frequent, rarer or lost, and in which ones other
values stand.

[New] takes the mined lines of both sides (package mine) and of the time before
the release, merges their skeletons to templates (package template), counts, and
gives a [Comparison], which is a judge.Judge: its finding has a change for each
template that differs by more than chance explains.

Templates are tested, and so are skeletons, the finer level, each at half of the
error: a new message that looks like an old one would hide in its template. The
unit is the request where lines have trace ids, else the line, as bursty as it is
found to be, and as different from instance to instance (see [Sides]).

# What is not covered

Requests are taken as independent: one broken node among many, which fails all
requests that it gets, is told as a change of its side (and marked Single), though
it says nothing of the release. Where lines are counted, a message of one instance
among several is one witness, and not told. With one instance a side nobody can
know how much instances differ: a coefficient of variation of a tenth is assumed.

A mix of requests that differs by less than Options.Ratio is no finding; one that
differs by more is, whatever the reason. Variable parts that count up (sequence
numbers, positions, uptimes) differ between instances of different age: such a
slot shift is true, and of no severity.
*/
package compare
