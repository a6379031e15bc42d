/*
Package mine counts log lines by what wrote them. A [Miner] takes the records of
one side of a comparison, one at a time, and keeps for each skeleton (package
template) how many lines and which requests held it, when and on which instances,
what stood in its variable parts, and some lines to read.

Memory is bounded (see [Options]) whatever comes in, and what did not fit is
counted and said: [Miner.Overflow]. Miners of parts of a window, and of several
instances, are merged by [Miner.Merge]; a Miner is written by
[Miner.AppendBinary] and read by [Decode], so that a look reads only the lines
since the last one.

What is counted does not depend on the order of the lines, nor on how they are
divided among Miners. What is kept to be read does, and so does what stood in the
variable parts: of a skeleton with many lines only some are looked at, the first
ones more densely. Where the tables are full, so does which skeletons found room.

# Counting requests

Many lines of one request say the same, so that lines are not independent
witnesses; requests nearly are. A [Distinct] holds the trace ids that held a
skeleton: all of them up to a limit, beyond it a sample by the hash of the id,
which is the same sample on every side and in every part (Gibbons 2001, distinct
sampling). Where lines have no trace id there are [Cells]: lines by instance and
stretches of ten seconds, which tell how bursty a line is.
*/
package mine
