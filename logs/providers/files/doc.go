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
separators or characters that globs know, nor become "..". Hidden files are left
out, links to files are followed, links to directories are not.

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
