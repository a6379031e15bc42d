package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Messages that these types hand out are shared: nobody changes them, a
// change replaces them.

// overhead is what an object takes in memory beside its encoded size, about.
const overhead = 1 << 10

// analysisMemory keeps analyses: every live one, and the last that ended.
type analysisMemory struct {
	limits Limits
	now    func() time.Time

	mu    sync.Mutex
	byID  map[string]*record
	byKey map[string]*record
	// order is by sequence, oldest first; ended is by the time of the end.
	order, ended []*record
	last         int64 // sequence
	running      int
	bytes        int64
}

// record is one analysis.
type record struct {
	sequence int64
	key      string // idempotency key, "" if none
	request  digest
	cancel   context.CancelCauseFunc
	bytes    int64

	state *judgedv1.Analysis
	// changed is closed when state is replaced.
	changed chan struct{}
}

// digest stands for a request.
type digest [32]byte

func newAnalysisMemory(l Limits, now func() time.Time) *analysisMemory {
	return &analysisMemory{limits: l, now: now, byID: map[string]*record{}, byKey: map[string]*record{}}
}

// sameKey returns the analysis that was started with the key, nil if there is
// none, or an error if another request started it.
func (m *analysisMemory) sameKey(key string, request digest) (*judgedv1.Analysis, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sameKeyLocked(key, request)
}

func (m *analysisMemory) sameKeyLocked(key string, request digest) (*judgedv1.Analysis, error) {
	r, ok := m.byKey[key]
	if !ok || key == "" {
		return nil, nil //nolint:nilnil // documented
	}
	if r.request != request {
		return nil, alreadyExists("IDEMPOTENCY_KEY_REUSED",
			"idempotency key %q already started analysis %s with a different request: send that request again to get its analysis, or take a new key", key, r.state.GetId())
	}
	return r.state, nil
}

// add keeps a new analysis, whose cancel ends its work. If the key is known,
// it returns that analysis instead, and false.
func (m *analysisMemory) add(a *judgedv1.Analysis, key string, request digest, cancel context.CancelCauseFunc) (*judgedv1.Analysis, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, err := m.sameKeyLocked(key, request); known != nil || err != nil {
		return known, false, err
	}
	if live := len(m.order) - len(m.ended); live >= m.limits.LiveAnalyses {
		return nil, false, exhausted("TOO_MANY_ANALYSES", 10*time.Second,
			"%d analyses are pending or running, which is this server's limit: start this one again when some have ended", live)
	}
	size := sizeOf(a)
	if !m.makeRoom(size) {
		return nil, false, exhausted("ANALYSES_TOO_LARGE", 10*time.Second,
			"the analyses that are pending or running take all of this server's %d bytes: start this one again when some have ended", m.limits.StoredBytes)
	}
	m.last++
	r := &record{sequence: m.last, key: key, request: request, cancel: cancel, state: a, bytes: size, changed: make(chan struct{})}
	a.Version = 1
	a.CreateTime = timestamppb.New(m.now())
	a.UpdateTime = a.GetCreateTime()
	m.byID[a.GetId()] = r
	if key != "" {
		m.byKey[key] = r
	}
	m.order = append(m.order, r)
	m.bytes += size
	return a, true, nil
}

// makeRoom forgets ended analyses, oldest first, until size more bytes fit.
func (m *analysisMemory) makeRoom(size int64) bool {
	for len(m.ended) > 0 && (len(m.ended) > m.limits.EndedAnalyses || m.bytes+size > m.limits.StoredBytes) {
		m.forget(m.ended[0])
		m.ended = m.ended[1:]
	}
	return m.bytes+size <= m.limits.StoredBytes
}

func (m *analysisMemory) forget(r *record) {
	delete(m.byID, r.state.GetId())
	if r.key != "" {
		delete(m.byKey, r.key)
	}
	if i, ok := slices.BinarySearchFunc(m.order, r.sequence, func(r *record, s int64) int { return cmp.Compare(r.sequence, s) }); ok {
		m.order = slices.Delete(m.order, i, i+1)
	}
	m.bytes -= r.bytes
}

// find returns a record, for look.
func (m *analysisMemory) find(id string) (*record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.byID[id]
	if !ok {
		return nil, notFound("ANALYSIS", "there is no analysis %q here: it was never started, or has been forgotten (this server keeps the last %d ended ones, and none over a restart)",
			id, m.limits.EndedAnalyses)
	}
	return r, nil
}

// look returns the analysis as it is, and a channel that closes when it
// changes.
func (m *analysisMemory) look(r *record) (*judgedv1.Analysis, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return r.state, r.changed
}

// begin marks an analysis as running; false if it has ended meanwhile.
func (m *analysisMemory) begin(r *record) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ended(r.state) {
		return false
	}
	m.replace(r, func(a *judgedv1.Analysis) { a.State = judgedv1.AnalysisState_RUNNING })
	m.running++
	return true
}

// end ends an analysis and its work. What has ended stays as it is. It
// returns the analysis, and whether this call ended it.
func (m *analysisMemory) end(r *record, why error, change func(*judgedv1.Analysis)) (*judgedv1.Analysis, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ended(r.state) {
		return r.state, false
	}
	if r.state.GetState() == judgedv1.AnalysisState_RUNNING {
		m.running--
	}
	m.replace(r, func(a *judgedv1.Analysis) {
		change(a)
		a.EndTime = timestamppb.New(m.now())
	})
	r.cancel(why)
	m.bytes -= r.bytes
	r.bytes = sizeOf(r.state)
	m.bytes += r.bytes
	m.ended = append(m.ended, r)
	m.makeRoom(0)
	return r.state, true
}

func (m *analysisMemory) replace(r *record, change func(*judgedv1.Analysis)) {
	a := shallowCopy(r.state)
	change(a)
	a.Version++
	a.UpdateTime = timestamppb.New(m.now())
	r.state = a
	close(r.changed)
	r.changed = make(chan struct{})
}

// live counts the analyses that have not ended.
func (m *analysisMemory) live() (pending, running int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.order) - len(m.ended) - m.running, m.running
}

// all returns the records that have not ended.
func (m *analysisMemory) all() []*record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.order), func(r *record) bool { return ended(r.state) })
}

// list returns at most n analyses that keep wants, newest first, of those
// older than the sequence before (0: all), and the sequence to go on before
// (0 at the end). It stops early at maxPage bytes.
func (m *analysisMemory) list(before int64, n int, keep func(*judgedv1.Analysis) bool) ([]*judgedv1.Analysis, int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := len(m.order)
	if before > 0 {
		i, _ = slices.BinarySearchFunc(m.order, before, func(r *record, s int64) int { return cmp.Compare(r.sequence, s) })
	}
	var page []*judgedv1.Analysis
	var bytes int64
	for i--; i >= 0; i-- {
		r := m.order[i]
		if !keep(r.state) {
			continue
		}
		bytes += r.bytes
		if len(page) == n || len(page) > 0 && bytes > maxPage {
			return page, r.sequence + 1
		}
		page = append(page, r.state)
	}
	return page, 0
}

// maxPage bounds the bytes of one page of a list: gRPC clients accept 4 MiB
// unless told otherwise.
const maxPage = 3 << 20

func ended(a *judgedv1.Analysis) bool {
	return a.GetState() == judgedv1.AnalysisState_COMPLETED || a.GetState() == judgedv1.AnalysisState_CANCELED
}

func sizeOf(m proto.Message) int64 { return int64(proto.Size(m)) + overhead }

// shallowCopy returns a message with the same fields; submessages are shared.
func shallowCopy(a *judgedv1.Analysis) *judgedv1.Analysis {
	out := &judgedv1.Analysis{}
	a.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		out.ProtoReflect().Set(field, v)
		return true
	})
	return out
}

// configMemory keeps configs with their last revisions.
type configMemory struct {
	limits Limits
	now    func() time.Time

	mu     sync.Mutex
	byName map[string][]*judgedv1.StoredConfig // by revision, oldest first
	names  []string                            // sorted
	bytes  int64
}

func newConfigMemory(l Limits, now func() time.Time) *configMemory {
	return &configMemory{limits: l, now: now, byName: map[string][]*judgedv1.StoredConfig{}}
}

func (m *configMemory) create(c *judgedv1.CanaryConfig) (*judgedv1.StoredConfig, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := c.GetName()
	if known := m.byName[name]; known != nil {
		return nil, alreadyExists("CONFIG_EXISTS", "config %q already exists, at revision %d: update it, or take another name",
			name, known[len(known)-1].GetRevision())
	}
	stored, err := m.store(c, 1)
	if err != nil {
		return nil, err
	}
	i, _ := slices.BinarySearch(m.names, name)
	m.names = slices.Insert(m.names, i, name)
	return stored, nil
}

func (m *configMemory) update(c *judgedv1.CanaryConfig, expected int64) (*judgedv1.StoredConfig, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	revisions, err := m.find(c.GetName())
	if err != nil {
		return nil, err
	}
	latest := revisions[len(revisions)-1].GetRevision()
	if latest != expected {
		return nil, stale("config %q is at revision %d, not at the expected revision %d: read it again, make your change to that and expect revision %d",
			c.GetName(), latest, expected, latest)
	}
	return m.store(c, latest+1)
}

func (m *configMemory) store(c *judgedv1.CanaryConfig, revision int64) (*judgedv1.StoredConfig, error) {
	stored := &judgedv1.StoredConfig{Config: c, Revision: revision, CreateTime: timestamppb.New(m.now())}
	revisions := m.byName[c.GetName()]
	forget := max(0, len(revisions)+1-m.limits.Revisions)
	bytes := m.bytes + sizeOf(stored)
	for _, r := range revisions[:forget] {
		bytes -= sizeOf(r)
	}
	if bytes > m.limits.StoredBytes {
		return nil, exhausted("CONFIGS_TOO_LARGE", 0, "the configs with their revisions take all of this server's %d bytes: delete some that nobody uses", m.limits.StoredBytes)
	}
	m.byName[c.GetName()], m.bytes = append(slices.Delete(revisions, 0, forget), stored), bytes
	return stored, nil
}

// get returns a revision; 0 is the latest.
func (m *configMemory) get(name string, revision int64) (*judgedv1.StoredConfig, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	revisions, err := m.find(name)
	if err != nil {
		return nil, err
	}
	first, latest := revisions[0].GetRevision(), revisions[len(revisions)-1].GetRevision()
	if revision == 0 {
		revision = latest
	}
	if revision < first || revision > latest {
		return nil, notFound("REVISION", "config %q has no revision %d: this server keeps the revisions %d to %d", name, revision, first, latest)
	}
	return revisions[revision-first], nil
}

func (m *configMemory) delete(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	revisions, err := m.find(name)
	if err != nil {
		return err
	}
	for _, r := range revisions {
		m.bytes -= sizeOf(r)
	}
	delete(m.byName, name)
	i, _ := slices.BinarySearch(m.names, name)
	m.names = slices.Delete(m.names, i, i+1)
	return nil
}

func (m *configMemory) find(name string) ([]*judgedv1.StoredConfig, error) {
	revisions, ok := m.byName[name]
	if !ok {
		return nil, notFound("CONFIG", "there is no config %q on this server: create it, or see ListConfigs for those there are", name)
	}
	return revisions, nil
}

// list returns at most n latest revisions by name, of the names after one,
// and the name to go on after ("" at the end).
func (m *configMemory) list(after string, n int) ([]*judgedv1.StoredConfig, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, found := slices.BinarySearch(m.names, after)
	if found {
		i++
	}
	var page []*judgedv1.StoredConfig
	var bytes int64
	for ; i < len(m.names); i++ {
		revisions := m.byName[m.names[i]]
		latest := revisions[len(revisions)-1]
		bytes += sizeOf(latest)
		if len(page) == n || len(page) > 0 && bytes > maxPage {
			return page, m.names[i-1]
		}
		page = append(page, latest)
	}
	return page, ""
}

// errEnded is the cause that ends an analysis' work after its end.
var errEnded = errors.New("the analysis has ended")
