// Package spool keeps what was pushed to this server on disk, for some hours and
// within some bytes, so that it can be read again by time.
//
// It knows nothing of what it keeps: an [Entry] is bytes, the time that they are
// about and the few attributes by which readers skip what they do not want.
//
// # Layout
//
//	DIR/from-<time>                              nothing before this time is here
//	DIR/<tenant>/from-<time>                     likewise, of this tenant
//	DIR/<tenant>/<time>-<replica>-<process>-<n>.seg
//
// Times are Unix nanoseconds. A segment is a row of frames: a header with the
// times and attributes of what is inside, checksummed, and up to 1 MiB of entries,
// compressed with zstd and checksummed, too.
//
// # What survives
//
// [Spool.Append] returns when the operating system has the bytes: what it
// confirmed survives kill -9. They are on the disk a second later, so that a
// machine that loses power loses at most what was confirmed in its last second. A
// write that was cut off leaves a torn frame at the end of a segment, which nobody
// was told is kept; the next [Open] takes it away and counts it.
//
// # What is deleted
//
// Segments go when all in them is older than MaxAge, and the oldest go when a
// tenant has more than MaxBytes. A from file says so first, and a reader that is
// asked for earlier times gets a [GoneError], never what is left. The same file
// stands where a spool begins: what was said before, nobody heard.
//
// # Several processes
//
// Any number may write to one directory: each has its own segments, which it
// locks, and readers read all of them. Only segments without a living owner are
// recovered, and deleted by others. This needs flock, which Linux has on local
// disks and on NFS; where there is none (Windows), a directory is for one process.
package spool
