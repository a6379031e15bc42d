/*
Package files reads logs from files: one, a directory with all below it, or
standard input; as they are or compressed with gzip or zstd, told by their
content.

The source's URL is the root, a path or file:// and a path. A query is a glob
below it, in the syntax of [path.Match] with the root's own separators as
slashes; a directory that matches stands for all files below it:

	${version}
	${version}/*.log
	checkout-${version}*.jsonl.gz

An empty query is all there is. Values of variables are names: they cannot hold
separators or characters that mean something in a query, nor become "..". Hidden
files are left out, links to files are followed, links to directories are not.

# Lines

Where one file has the lines of both sides, matchers in braces behind the glob
select lines by their fields:

	shop/logs.jsonl.gz {track="${track}", level!="debug"}
	{kubernetes.labels.version="${version}"}

All of them have to match, at most 16. A field is the key of a JSON object, the
path with dots to one in an object within, or the key of logfmt; of lines of
OTLP it is an attribute of the record, or else of its resource. In a value, \" is
a quote and \\ a backslash; values of variables are escaped so, and stand
nowhere else behind the brace. A line without the field, such as every line of
plain text, has the value "": it is selected by = "" and by != with a value. Lines
that continue another, as those of a stack trace, go where it goes. See
[decode.Matcher].

# Records

Files are read one after another in the order of their names, and their lines as
package decode knows them. A file's lines are dated by themselves, or by the file's last
change as far as they have no year. Where lines do not name their instance, the
file does: by its name without extensions, by its directory where the name is
only a number, as in /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log, and by
both where two directories have files of that name.

# Errors

A file that is damaged or cut off fails the read, which says how far it got:
nothing that was read so is judged as if it were whole.
*/
package files
