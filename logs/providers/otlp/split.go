package otlp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/internal/spool"
)

const (
	// maxRecord bounds a log record, in bytes. The lines that are judged have 16 KiB;
	// the rest is for stack traces and attributes.
	maxRecord = 256 << 10
	// maxAbout bounds a resource, and a scope, in bytes: what is repeated with each
	// entry.
	maxAbout = 64 << 10
	// maxName bounds service.name and service.version, in bytes.
	maxName = 256
	// maxResources bounds the resources of a request.
	maxResources = 10_000
	// maxDepth bounds messages in messages; each list in a list or map in a map takes
	// two or three of them.
	maxDepth = 100
	// entryBytes is the size at which an entry ends. What was begun is finished: one
	// more resource, scope and record, which is below spool.MaxPayload together.
	entryBytes = 256 << 10
)

// indexedNames are the attributes by which a spool skips what is not asked for.
var indexedNames = []string{"service.name", "service.version"}

func indexed(name string) bool { return slices.Contains(indexedNames, name) }

// Bounds are the times that are taken.
type Bounds struct {
	Now time.Time
	// MaxAge is how old a record may be; what is older would not be kept.
	MaxAge time.Duration
}

// Pushed is what a request brought along.
type Pushed struct {
	// Entries are for spool.Append. They do not share memory with the request.
	Entries []spool.Entry
	// Records are in the entries.
	Records int
	// Refused records are not.
	Refused int
	// Why says for what reasons, for the sender.
	Why string
}

// refusal is a reason for which single records are refused.
type refusal int

const (
	tooLong refusal = iota
	unreadable
	tooOld
	tooNew
	badAbout
	refusals
)

var refusalText = [refusals]string{
	tooLong:    fmt.Sprintf("longer than %d bytes", maxRecord),
	unreadable: "malformed, nested too deep or with text that is not UTF-8",
	tooOld:     "older than is kept here",
	tooNew:     fmt.Sprintf("more than %v in the future by this server's clock", spool.MaxAhead),
	badAbout:   fmt.Sprintf("of a resource or scope that is malformed or longer than %d bytes, or with a service.name or service.version of more than %d", maxAbout, maxName),
}

// Split takes an ExportLogsServiceRequest in protobuf apart, into entries that are
// such requests again. What it puts into entries can be decoded. A record without
// any time gets that of its arrival. Records that are too large, too old or from
// the future, and those that cannot be read, are left out and counted; the error is
// about the whole request.
func Split(request []byte, b Bounds) (Pushed, error) {
	s := splitter{now: b.Now.UnixNano(), oldest: b.Now.Add(-b.MaxAge).UnixNano(), latest: b.Now.Add(spool.MaxAhead).UnixNano()}
	resources := 0
	err := eachMessage(request, requestResourceLogs, func(b []byte) error {
		if resources++; resources > maxResources {
			return fmt.Errorf("it has more than %d resources: send them in several requests", maxResources)
		}
		return s.resourceLogs(b)
	})
	if err != nil {
		return Pushed{}, err
	}
	s.endEntry()
	var why []string
	for reason, n := range s.refused {
		if n > 0 {
			s.out.Refused += n
			why = append(why, fmt.Sprintf("%d %s", n, refusalText[reason]))
		}
	}
	if why != nil {
		s.out.Why = fmt.Sprintf("%d log records were refused: %s", s.out.Refused, strings.Join(why, "; "))
	}
	return s.out, nil
}

// splitter holds what is begun: an entry of resources of scopes of records.
type splitter struct {
	now, oldest, latest int64
	out                 Pushed
	refused             [refusals]int

	attributes  spool.Attributes
	entry       []byte // resource_logs
	resource    []byte // as a field
	scopes      []byte // scope_logs
	scope       []byte // as a field
	records     []byte // log_records
	count       int    // of the entry
	first, last int64
	badResource bool
	parsed      logspb.LogRecord
}

// read is how the messages in a request are read, before they are kept: as
// package decode does, but bounded.
var read = proto.UnmarshalOptions{RecursionLimit: maxDepth, DiscardUnknown: true}

func (s *splitter) resourceLogs(b []byte) error {
	about, err := message(b, resourceLogsResource)
	if err != nil {
		return err
	}
	var attributes spool.Attributes
	if attributes, s.badResource = describe(about); s.badResource {
		about = nil
	}
	if !slices.Equal(attributes, s.attributes) {
		s.endEntry()
		s.attributes = attributes
	}
	s.resource = appendField(s.resource[:0], resourceLogsResource, about)
	if err := eachMessage(b, resourceLogsScopes, s.scopeLogs); err != nil {
		return err
	}
	s.endResource()
	return nil
}

// describe returns the indexed attributes of a resource, or that it is bad.
func describe(resource []byte) (all spool.Attributes, bad bool) {
	parsed := &resourcepb.Resource{}
	if len(resource) > maxAbout || read.Unmarshal(resource, parsed) != nil {
		return nil, true
	}
	for _, name := range indexedNames {
		value := attribute(parsed, name)
		if len(value) > maxName {
			return nil, true
		}
		if value != "" {
			all = append(all, spool.Attribute{Name: name, Value: value})
		}
	}
	return all, false
}

func (s *splitter) scopeLogs(b []byte) error {
	about, err := message(b, scopeLogsScope)
	if err != nil {
		return err
	}
	bad := s.badResource || len(about) > maxAbout || read.Unmarshal(about, &commonpb.InstrumentationScope{}) != nil
	if bad {
		about = nil
	}
	s.scope = appendField(s.scope[:0], scopeLogsScope, about)
	err = eachMessage(b, scopeLogsRecords, func(b []byte) error {
		if bad {
			s.refused[badAbout]++
		} else {
			s.record(b)
		}
		return nil
	})
	s.endScope()
	return err
}

func (s *splitter) record(b []byte) {
	if len(b) > maxRecord {
		s.refused[tooLong]++
		return
	}
	if read.Unmarshal(b, &s.parsed) != nil {
		s.refused[unreadable]++
		return
	}
	// After this, Unix nanoseconds would be before 1970.
	const latest = 1<<63 - 1
	at := int64(min(cmp.Or(s.parsed.GetTimeUnixNano(), s.parsed.GetObservedTimeUnixNano()), latest))
	dated := at != 0
	if !dated {
		at = s.now
	}
	switch {
	case at < s.oldest:
		s.refused[tooOld]++
		return
	case at > s.latest:
		s.refused[tooNew]++
		return
	}
	if s.count == 0 {
		s.first, s.last = at, at
	}
	s.count++
	s.first, s.last = min(s.first, at), max(s.last, at)
	s.records = protowire.AppendTag(s.records, scopeLogsRecords, protowire.BytesType)
	if dated {
		s.records = protowire.AppendBytes(s.records, b)
	} else {
		const size = 9 // a tag and eight bytes
		s.records = protowire.AppendVarint(s.records, uint64(len(b)+size))
		s.records = appendTime(append(s.records, b...), recordObserved, at)
	}
	if len(s.entry)+len(s.scopes)+len(s.records) >= entryBytes {
		s.endEntry()
	}
}

func (s *splitter) endScope() {
	if len(s.records) == 0 {
		return
	}
	s.scopes = protowire.AppendTag(s.scopes, resourceLogsScopes, protowire.BytesType)
	s.scopes = protowire.AppendVarint(s.scopes, uint64(len(s.scope)+len(s.records)))
	s.scopes = append(append(s.scopes, s.scope...), s.records...)
	s.records = s.records[:0]
}

func (s *splitter) endResource() {
	s.endScope()
	if len(s.scopes) == 0 {
		return
	}
	s.entry = protowire.AppendTag(s.entry, requestResourceLogs, protowire.BytesType)
	s.entry = protowire.AppendVarint(s.entry, uint64(len(s.resource)+len(s.scopes)))
	s.entry = append(append(s.entry, s.resource...), s.scopes...)
	s.scopes = s.scopes[:0]
	if len(s.entry) >= entryBytes {
		s.endEntry()
	}
}

func (s *splitter) endEntry() {
	s.endResource()
	if len(s.entry) == 0 {
		return
	}
	s.out.Entries = append(s.out.Entries, spool.Entry{
		First: time.Unix(0, s.first), Last: time.Unix(0, s.last), Attributes: s.attributes, Payload: slices.Clone(s.entry),
	})
	s.out.Records += s.count
	s.entry, s.count = s.entry[:0], 0
}
