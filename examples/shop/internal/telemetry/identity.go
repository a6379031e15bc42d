// Package telemetry gives the shop's processes their logs and spans, as lines of JSON.
package telemetry

// Identity says which process a log line or a span comes from.
type Identity struct {
	Service  string // service.name
	Version  string // service.version
	Instance string // service.instance.id
	Track    string // stable, canary, refactor, or shared
}
