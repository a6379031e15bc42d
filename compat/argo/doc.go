// Package argo answers Argo Rollouts' metric provider `web` and imports its
// AnalysisTemplates.
//
// The provider sends one request a measurement and takes its answer for granted
// in two ways (v1.7 to v1.10): an answer with a status of 2xx that is no JSON is a
// success, whatever the conditions of the template say, and of any other status
// it keeps the number and forgets the text. So a handler of this package answers
// JSON always, never 204, and:
//
//   - 200 with a verdict, ERROR included, where asking again brings nothing new.
//     The reason stands in the value of the measurement, where people look, and
//     with both a successCondition and a failureCondition ERROR and INCONCLUSIVE
//     pause the rollout for a person.
//   - 429 and 5xx where asking again may help. That is an error of the
//     measurement, which Argo repeats after 10 s, and consecutiveErrorLimit
//     (default 4) times before it aborts.
//   - 401, 404 and 405 where the number says what is wrong: nobody that is known
//     has asked, or nothing that is here. A template that passes whatever is not
//     FAIL, for want of a successCondition, does not pass these.
package argo
