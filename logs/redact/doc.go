// Package redact takes secrets out of log lines that people will read: samples
// in reports, notices and the API's answers.
//
// It knows secrets by their form (a JSON Web Token, a key of AWS) or by the name
// before them (password=...). It is no proof that nothing secret is left: a
// password in the middle of a sentence looks like any other word.
package redact
