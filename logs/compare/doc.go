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
found to be (see [Sides]).
*/
package compare
