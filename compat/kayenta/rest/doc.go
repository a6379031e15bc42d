// Package rest serves Kayenta's REST interface: what Spinnaker's Orca and Gate,
// Argo Rollouts, kayentactl and Referee call. Configs, executions and data are
// documents of judged's store; executions are its tasks, so that they survive
// restarts and are shared among replicas.
//
// What is answered differently from Kayenta, and why, is in docs/kayenta.md.
package rest
