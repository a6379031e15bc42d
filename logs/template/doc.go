/*
Package template says which log lines came from the same statement of a program,
without having seen the program.

It does so in two steps, for two reasons. A [Scanner] masks what is visibly
variable in one line, in one pass over its bytes: the result, the skeleton,
depends on nothing but the line, so that it is the same on every machine, in
every version and on both sides of a comparison, and it costs little enough to
be asked of every line. [Merge] then looks at all distinct skeletons together
and finds the variable parts that only a comparison of lines can show: a column
where many words stand, a list of any length. It runs late and over everything,
so that the order of the lines cannot matter. A miner that decides line by line
hides the first line of a new statement in an old template; a canary is judged
by just that line.

Where lines might or might not be one statement, they are kept apart: two
templates of one statement cost some power, a new message inside an old template
costs the finding.
*/
package template
