package server

import (
	"errors"
	"fmt"
	"testing"
	"time"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

func analysisOf(id string, description int) *judgedv1.Analysis {
	return &judgedv1.Analysis{
		Id: id, State: judgedv1.AnalysisState_PENDING,
		Config: &judgedv1.CanaryConfig{Description: string(make([]byte, description))},
	}
}

func complete(a *judgedv1.Analysis) { a.State = judgedv1.AnalysisState_COMPLETED }

// Whatever happens, the memory stays within its bounds and its books balance.
func TestAnalysisMemoryIsBounded(t *testing.T) {
	limits := Limits{LiveAnalyses: 5, EndedAnalyses: 3, StoredBytes: 64 << 10}
	m := newAnalysisMemory(limits, time.Now)
	var live []*record
	kept := 0
	for n := range 500 {
		id := fmt.Sprint("a", n)
		_, added, err := m.add(analysisOf(id, n*37%20_000), id, digest{byte(n)}, func(error) {})
		switch {
		case err == nil && added:
			r, err := m.find(id)
			if err != nil {
				t.Fatal(err)
			}
			live = append(live, r)
			kept++
		case !errors.As(err, new(*failure)):
			t.Fatal(err)
		}
		if n%2 == 1 && len(live) > 0 {
			r := live[0]
			live = live[1:]
			if n%4 == 1 {
				m.begin(r)
			}
			if _, ok := m.end(r, errEnded, complete); !ok {
				t.Fatal("not ended")
			}
			if _, ok := m.end(r, errEnded, complete); ok {
				t.Fatal("ended twice")
			}
			if m.begin(r) {
				t.Fatal("begun after its end")
			}
		}
		var bytes int64
		for _, r := range m.order {
			bytes += r.bytes
		}
		pending, running := m.live()
		if m.bytes != bytes || bytes > limits.StoredBytes || len(m.ended) > limits.EndedAnalyses || pending > limits.LiveAnalyses || running != 0 ||
			len(m.byID) != len(m.order) || len(m.byKey) != len(m.order) || len(m.order) != len(m.ended)+pending {
			t.Fatalf("after %d: %d bytes booked of %d, %d ended, %d pending, %d running, %d by id, %d by key, %d in order",
				n, m.bytes, bytes, len(m.ended), pending, running, len(m.byID), len(m.byKey), len(m.order))
		}
	}
	if kept < 100 {
		t.Errorf("only %d were kept", kept)
	}
	for _, r := range live {
		m.end(r, errEnded, complete)
	}
	list, next := m.list(0, 100, func(*judgedv1.Analysis) bool { return true })
	if len(list) != len(m.order) || next != 0 {
		t.Errorf("listed %d of %d, next %d", len(list), len(m.order), next)
	}
}

// A forgotten analysis frees its key.
func TestForgottenKey(t *testing.T) {
	m := newAnalysisMemory(Limits{LiveAnalyses: 9, EndedAnalyses: 1, StoredBytes: 1 << 20}, time.Now)
	for n := range 3 {
		id := fmt.Sprint("a", n)
		_, added, err := m.add(analysisOf(id, 0), "key", digest{}, func(error) {})
		if n == 1 {
			if err != nil || added {
				t.Fatalf("the known key: added %v, %v", added, err)
			}
			_, _, err = m.add(analysisOf("other", 0), "", digest{}, func(error) {})
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range m.all() {
			m.end(r, errEnded, complete)
		}
	}
	if a, err := m.sameKey("key", digest{}); err != nil || a.GetId() != "a2" {
		t.Errorf("the key belongs to %v, %v", a.GetId(), err)
	}
}

// A page ends before it is too large to receive.
func TestPagesAreBounded(t *testing.T) {
	m := newAnalysisMemory(Limits{LiveAnalyses: 100, EndedAnalyses: 100, StoredBytes: 1 << 30}, time.Now)
	for n := range 10 {
		if _, _, err := m.add(analysisOf(fmt.Sprint("a", n), 1<<20), "", digest{}, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for before := int64(0); ; {
		page, next := m.list(before, 500, func(*judgedv1.Analysis) bool { return true })
		if len(page) == 0 || len(page) > 3 {
			t.Fatalf("a page of %d", len(page))
		}
		seen += len(page)
		if before = next; before == 0 {
			break
		}
	}
	if seen != 10 {
		t.Errorf("saw %d of 10", seen)
	}
	configs := newConfigMemory(Limits{Revisions: 2, StoredBytes: 1 << 30}, time.Now)
	for n := range 10 {
		if _, err := configs.create(&judgedv1.CanaryConfig{Name: fmt.Sprint("c", n), Description: string(make([]byte, 1<<20))}); err != nil {
			t.Fatal(err)
		}
	}
	seen = 0
	for after := ""; ; {
		page, next := configs.list(after, 500)
		seen += len(page)
		if after = next; after == "" {
			break
		}
	}
	if seen != 10 {
		t.Errorf("saw %d of 10 configs", seen)
	}
}

// Revisions that are forgotten give their bytes back, and a refused one
// changes nothing.
func TestConfigMemoryBooks(t *testing.T) {
	c := func(size int) *judgedv1.CanaryConfig {
		return &judgedv1.CanaryConfig{Name: "c", Description: string(make([]byte, size))}
	}
	m := newConfigMemory(Limits{Revisions: 3, StoredBytes: 40 << 10}, time.Now)
	if _, err := m.create(c(1000)); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); n < 50; n++ {
		if _, err := m.update(c(2000+int(n)), n); err != nil {
			t.Fatal(n, err)
		}
	}
	before := m.bytes
	if _, err := m.update(c(39<<10), 50); err == nil {
		t.Fatal("too large, but stored")
	}
	for revision := int64(48); revision <= 50; revision++ {
		got, err := m.get("c", revision)
		if err != nil || got.GetRevision() != revision || len(got.GetConfig().GetDescription()) != 2000+int(revision)-1 {
			t.Errorf("revision %d: %d, %v", revision, got.GetRevision(), err)
		}
	}
	if m.bytes != before {
		t.Errorf("a refused update moved the books from %d to %d", before, m.bytes)
	}
	if err := m.delete("c"); err != nil || m.bytes != 0 || len(m.names) != 0 {
		t.Errorf("after the deletion %d bytes and %d names are left, %v", m.bytes, len(m.names), err)
	}
}
