package main

import (
	"encoding/gob"
	"encoding/json"
	"fmt"
	"net/rpc"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
)

// The wire of Argo Rollouts' metric plugins is net/rpc with gob, which matches
// fields by their names and skips what the other side does not know. So what is
// needed of Argo's structs (pkg/apis/rollouts/v1alpha1, metricproviders/plugin/rpc
// and utils/plugin/types) is declared again here, and one program serves every
// version: imported, the module would pin judged to a Kubernetes version.

// phase is AnalysisPhase.
type phase string

const (
	running      phase = "Running"
	successful   phase = "Successful"
	failed       phase = "Failed"
	inconclusive phase = "Inconclusive"
	errored      phase = "Error"
)

type analysisRun struct {
	ObjectMeta objectMeta
	Status     analysisRunStatus
}

type objectMeta struct {
	Name      string
	Namespace string
	UID       string
}

type analysisRunStatus struct{ MetricResults []metricResult }

type metricResult struct {
	Name string
	// Count is how many measurements had no error, Error how many had one.
	Count int32
	Error int32
}

type metric struct {
	Name     string
	Provider metricProvider
}

type metricProvider struct{ Plugin map[string]json.RawMessage }

// Measurement is exported because net/rpc wants the types of results to be.
type Measurement struct {
	Phase      phase
	Message    string
	StartedAt  *time.Time
	FinishedAt *time.Time
	Value      string
	Metadata   map[string]string
	ResumeAt   *time.Time
}

type runArgs struct {
	AnalysisRun *analysisRun
	Metric      metric
}

type terminateAndResumeArgs struct {
	AnalysisRun *analysisRun
	Metric      metric
	Measurement Measurement
}

type garbageCollectArgs struct{ Limit int }

type getMetadataArgs struct{ Metric metric }

// RPCError is none if its text is empty. It is exported as Measurement is.
type RPCError struct{ ErrorString string }

// register makes the arguments known under the names by which Argo sends them.
func register() {
	gob.RegisterName("RunArgs", new(runArgs))
	gob.RegisterName("TerminateAndResumeArgs", new(terminateAndResumeArgs))
	gob.RegisterName("GarbageCollectArgs", new(garbageCollectArgs))
	gob.RegisterName("GetMetadataArgs", new(getMetadataArgs))
	gob.RegisterName("RpcError", new(RPCError))
}

// handshake is what the controller and its plugins agree on.
var handshake = goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "ARGO_ROLLOUTS_RPC_PLUGIN", MagicCookieValue: "metricprovider"}

// pluginName is what the controller asks for.
const pluginName = "RpcMetricProviderPlugin"

// metricPlugin serves a provider.
type metricPlugin struct{ provider *provider }

var _ goplugin.Plugin = metricPlugin{}

// Server implements goplugin.Plugin.
func (p metricPlugin) Server(*goplugin.MuxBroker) (any, error) { return &rpcServer{p.provider}, nil }

// Client implements goplugin.Plugin; the controller has its own.
func (metricPlugin) Client(*goplugin.MuxBroker, *rpc.Client) (any, error) {
	return nil, fmt.Errorf("%s is served here, not called", pluginName)
}

// rpcServer has the methods that net/rpc calls.
type rpcServer struct{ provider *provider }

// InitPlugin is called after every start of the process.
func (*rpcServer) InitPlugin(_ any, _ *RPCError) error { return nil }

// Run begins a measurement.
func (s *rpcServer) Run(args any, out *Measurement) error {
	a, ok := args.(*runArgs)
	if !ok || a.AnalysisRun == nil {
		return fmt.Errorf("run: %T has no AnalysisRun", args)
	}
	*out = s.provider.run(a.AnalysisRun, a.Metric)
	return nil
}

// Resume goes on with a measurement.
func (s *rpcServer) Resume(args any, out *Measurement) error {
	a, ok := args.(*terminateAndResumeArgs)
	if !ok {
		return fmt.Errorf("resume: %T has no measurement", args)
	}
	*out = s.provider.resume(a.Metric, a.Measurement)
	return nil
}

// Terminate ends a measurement early.
func (s *rpcServer) Terminate(args any, out *Measurement) error {
	a, ok := args.(*terminateAndResumeArgs)
	if !ok || a.AnalysisRun == nil {
		return fmt.Errorf("terminate: %T has no AnalysisRun", args)
	}
	*out = s.provider.terminate(a.AnalysisRun, a.Metric, a.Measurement)
	return nil
}

// GarbageCollect has nothing to do: judged forgets by itself what is old.
func (*rpcServer) GarbageCollect(_ any, _ *RPCError) error { return nil }

// Type names the provider.
func (*rpcServer) Type(_ any, out *string) error {
	*out = "judged"
	return nil
}

// GetMetadata says what is judged, beside the measurements.
func (s *rpcServer) GetMetadata(args any, out *map[string]string) error {
	a, ok := args.(*getMetadataArgs)
	if !ok {
		return fmt.Errorf("get metadata: %T has no metric", args)
	}
	*out = s.provider.metadata(a.Metric)
	return nil
}
