// Package transcript keeps what sources answered to one analysis.
//
// An analysis that looks every minute asks for a window that grows by a
// minute. A [Transcript] between it and its sources asks only for the new
// minute, and for the last few again, since data come late; the rest it knows.
// What it learned at a look is a chunk of bytes ([Transcript.Flush]), so that
// whoever takes the next look, in another process, goes on from the chunks so
// far ([Transcript.Apply]). All chunks together are everything the analysis
// saw: with them it can be judged again, with other settings and without its
// sources ([Transcript.Recorded]).
package transcript
