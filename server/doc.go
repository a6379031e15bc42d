// Package server answers judged's services over HTTP: gRPC, gRPC-Web,
// Connect (binary and JSON) and REST on one port, with health, reflection
// and metrics beside them.
//
// A request takes this way, and nothing else happens to it:
//
//	access log -> limits -> same origin -> (REST: transcoder) -> decode
//	  -> RPC metrics -> errors -> recover -> validate -> handler -> encode
//
// Handlers are thin: they turn messages into the plain values of package
// analysis and back (internal/wire) and return plain errors; errors.go is the
// one place that knows how an error looks on the wire. Analyses and configs
// are kept in memory (memory.go), so a restart forgets them.
package server
