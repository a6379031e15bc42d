package mine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/judged-dev/judged/logs"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// drawn draws a record of a small world, in which things repeat.
func drawn(t *rapid.T) logs.Record {
	var r logs.Record
	if at := rapid.IntRange(-1, 5000).Draw(t, "time"); at >= 0 {
		r.Time = noon.Add(time.Duration(at) * time.Second)
	}
	r.Level = logs.Level(rapid.IntRange(0, 7).Draw(t, "level"))
	r.Logger = []byte(rapid.SampledFrom([]string{"", "shop", "cart"}).Draw(t, "logger"))
	r.Site = uint32(rapid.IntRange(0, 2).Draw(t, "site"))
	r.Instance = []byte(rapid.SampledFrom([]string{"", "pod-1", "pod-2"}).Draw(t, "instance"))
	if id := rapid.IntRange(-3, 40).Draw(t, "trace"); id >= 0 {
		r.Trace = fmt.Appendf(nil, "%04x", id)
	}
	r.Message = fmt.Appendf(nil, "order %d was %s", rapid.IntRange(0, 9).Draw(t, "n"), rapid.SampledFrom([]string{"placed", "paid", "sent", "lost"}).Draw(t, "what"))
	return r
}

// counted is what a Miner counted, without what depends on the order.
func counted(m *Miner) string {
	names := slices.Sorted(slices.Values(m.Instances()))
	cells := func(c Cells) string {
		var all []string
		for _, one := range c {
			all = append(all, fmt.Sprintf("%d %s %d", one.At, m.Instances()[one.Instance], one.Lines))
		}
		slices.Sort(all)
		return strings.Join(all, ",")
	}
	var skeletons []string
	for i := range m.Len() {
		s := m.At(i)
		skeletons = append(skeletons, fmt.Sprintf("%x %q %v %d %s: %d lines, %d traced, %d..%d, requests %d %x, cells %s",
			s.Hash, s.Text, s.Level, s.Site, m.Logger(s), s.Lines, s.Traced, s.First, s.Last, s.Requests.Level, s.Requests.hashes(), cells(s.Cells)))
	}
	slices.Sort(skeletons)
	return fmt.Sprintf("%d %d %d %d %v %d..%d %v %x %v %s\n%s", m.Lines, m.Traced, m.Cut, m.Bytes, m.Cell, m.First, m.Last,
		names, m.Requests.hashes(), m.Overflow.Lines, cells(m.Cells), strings.Join(skeletons, "\n"))
}

// TestOrder: counts do not depend on the order of the lines, nor on how they are
// divided among Miners, however wide the cells of these are.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(drawn), 0, 60).Draw(t, "records")
		parts := rapid.IntRange(1, 4).Draw(t, "parts")
		widened := rapid.IntRange(0, 2).Draw(t, "widened")
		whole := New(Options{})
		shards := make([]*Miner, parts)
		for i := range shards {
			shards[i] = New(Options{})
		}
		for i := range records {
			whole.Add(&records[i])
		}
		order := rand.New(rand.NewPCG(uint64(len(records)), uint64(parts))).Perm(len(records))
		for i, k := range order {
			shard := shards[i%parts]
			if i == len(order)/2 {
				for range widened {
					shard.widen()
				}
			}
			shard.Add(&records[k])
		}
		if len(records) > 0 {
			for range widened {
				whole.widen()
			}
		}
		merged := New(Options{})
		for _, shard := range shards {
			before := shard.AppendBinary(nil, nil)
			merged.Merge(shard)
			if !bytes.Equal(before, shard.AppendBinary(nil, nil)) {
				t.Fatal("a Miner was changed by being merged into another")
			}
		}
		if a, b := counted(whole), counted(merged); a != b {
			t.Fatalf("all lines in one Miner:\n%s\nin %d parts:\n%s", a, parts, b)
		}
		// What is written is read again, to the same bytes.
		written := merged.AppendBinary(nil, nil)
		read, err := Decode(written, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(written, read.AppendBinary(nil, nil)) || counted(read) != counted(merged) {
			t.Fatal("a Miner that was written and read is another one")
		}
		// And goes on as the one that was written.
		for i := range records {
			merged.Add(&records[i])
			read.Add(&records[i])
		}
		if !bytes.Equal(merged.AppendBinary(nil, nil), read.AppendBinary(nil, nil)) {
			t.Fatal("a Miner that was read counts otherwise than the one that was written")
		}
	})
}

// TestWidths: cells of any width are merged into wider ones.
func TestWidths(t *testing.T) {
	a, b := New(Options{Cell: 3 * time.Second}), New(Options{Cell: 10 * time.Second})
	for i := range 60 {
		r := logs.Record{Time: noon.Add(time.Duration(i) * time.Second), Message: []byte("tick")}
		a.Add(&r)
		b.Add(&r)
	}
	b.Merge(a)
	sum := uint32(0)
	for _, c := range b.Cells {
		sum += c.Lines
		if c.Lines < 17 || c.Lines > 23 { // a cell of 3 s may lie in two of 10 s
			t.Errorf("cell %+v, want about 20 lines", c)
		}
	}
	if sum != 120 || b.Cell != 10*time.Second {
		t.Errorf("%d lines in cells of %v, want 120 in 10s", sum, b.Cell)
	}
	a.Merge(New(Options{Cell: 100 * time.Second}))
	if a.Cell < 100*time.Second {
		t.Errorf("cells of %v after those of 100s were merged", a.Cell)
	}
}

// TestHostileRecords: whatever a record says, it is counted, written and read.
func TestHostileRecords(t *testing.T) {
	long := bytes.Repeat([]byte("ä"), 5000)
	for name, r := range map[string]logs.Record{
		"empty":           {},
		"no such level":   {Level: 200, Message: []byte("what")},
		"before 1970":     {Time: time.Date(1931, 1, 1, 0, 0, 0, 0, time.UTC), Message: []byte("old")},
		"1970":            {Time: time.Unix(0, 0), Message: []byte("unset")},
		"year 9999":       {Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Message: []byte("late")},
		"year 2105":       {Time: time.Date(2105, 1, 1, 0, 0, 0, 0, time.UTC), Message: []byte("later")},
		"binary":          {Time: noon, Logger: []byte("\xff\xfe"), Instance: []byte("pod\xff"), Trace: []byte{0}, Message: []byte("\xff\x00\x01 x=\xfe 12")},
		"long":            {Time: noon, Logger: long, Instance: long, Trace: long, Message: long},
		"far in the site": {Time: noon, Site: math.MaxUint32, Message: []byte("end")},
	} {
		m := New(Options{})
		for range 40 {
			m.Add(&r)
		}
		if m.Lines != 40 || m.Len() != 1 || m.At(0).Lines != 40 || m.At(0).Level > logs.Critical {
			t.Errorf("%s: %d lines, %d skeletons", name, m.Lines, m.Len())
		}
		for _, text := range append(m.Instances(), m.Logger(m.At(0)), m.At(0).Samples()[0].Text, m.At(0).Samples()[0].Trace) {
			if !strings.EqualFold(text, strings.ToValidUTF8(text, "")) {
				t.Errorf("%s: %q is no text", name, text)
			}
		}
		b := m.AppendBinary(nil, nil)
		read, err := Decode(b, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(b, read.AppendBinary(nil, nil)) {
			t.Errorf("%s: read to other bytes", name)
		}
		read.Merge(m)
		if read.Lines != 80 || read.At(0).Lines != 80 {
			t.Errorf("%s: %d lines after a merge", name, read.Lines)
		}
	}
}

// TestNoAllocations: a line of a known skeleton costs none.
func TestNoAllocations(t *testing.T) {
	for _, trace := range []string{"", "0af7651916cd43dd8448eb211c80319c"} {
		m := New(Options{})
		r := logs.Record{
			Time: noon, Level: logs.Info, Logger: []byte("shop"), Instance: []byte("pod-1"), Trace: []byte(trace), Message: []byte("order 17 was paid in 12 ms by 10.1.2.3"),
		}
		for range 100 {
			m.Add(&r)
		}
		if n := testing.AllocsPerRun(1000, func() { m.Add(&r) }); n != 0 {
			t.Errorf("trace id %q: %g allocations a line", trace, n)
		}
	}
}

func TestSamples(t *testing.T) {
	m := New(Options{})
	add := func(trace, message string) {
		m.Add(&logs.Record{Time: noon, Instance: []byte("pod-1"), Trace: []byte(trace), Message: []byte(message)})
	}
	add("a", "order 1 was paid")
	add("a", "order 2 was paid")
	add("b", "order 3 was paid")
	add("c", "order 4 was paid")
	add("d", "order 5 was paid")
	var got []string
	for _, s := range m.At(0).Samples() {
		got = append(got, s.Trace+": "+s.Text)
	}
	if want := []string{"a: order 1 was paid", "b: order 3 was paid", "c: order 4 was paid"}; !slices.Equal(got, want) {
		t.Errorf("samples %q, want one a request: %q", got, want)
	}
	clean := m.AppendBinary(nil, func(s string) string { return strings.ReplaceAll(s, "paid", "****") })
	if bytes.Contains(clean, []byte("1 was paid")) {
		t.Error("a sample is written as it was, though it was to be cleaned")
	}
	// The room for lines that nobody will want to read ends before that for others.
	m = New(Options{MaxBytes: 1 << 20})
	room := func(level logs.Level, what string) int {
		n := 0
		for i := range 400 {
			hash := m.Add(&logs.Record{Level: level, Message: fmt.Appendf(nil, "%s %s %s", what, letters(i), strings.Repeat("x", 900))})
			if s := m.Find(hash); s != nil && len(s.Samples()) > 0 {
				n++
			}
		}
		return n
	}
	if info, failed := room(logs.Info, "info"), room(logs.Error, "error"); info == 0 || info == 400 || failed == 0 {
		t.Errorf("%d samples of info, then %d of errors", info, failed)
	}
}

func TestInstances(t *testing.T) {
	m := New(Options{})
	for i := range 3 * maxInstances {
		m.Add(&logs.Record{Time: noon, Instance: fmt.Appendf(nil, "pod-%d", i), Message: []byte("started")})
	}
	if len(m.Instances()) != maxInstances || !m.Overflow.Instances {
		t.Errorf("%d instances, overflow %v", len(m.Instances()), m.Overflow.Instances)
	}
	sum := uint32(0)
	for _, c := range m.Cells {
		sum += c.Lines
	}
	if sum != 3*maxInstances {
		t.Errorf("%d lines in cells, want %d", sum, 3*maxInstances)
	}
}

// TestOverflow: what finds no place is counted, and known never to be new.
func TestOverflow(t *testing.T) {
	m, shard := New(Options{MaxBytes: 1 << 18}), New(Options{})
	var hashes []uint64
	for i := range 3000 {
		r := logs.Record{Level: logs.Error, Trace: fmt.Appendf(nil, "%d", i), Message: []byte("failure " + letters(i))}
		hashes = append(hashes, m.Add(&r))
		shard.Add(&r)
	}
	check := func(name string, m *Miner, lines uint64) {
		t.Helper()
		if m.Len() == 0 || m.Len() == 3000 || m.Lines != lines {
			t.Fatalf("%s: %d skeletons of %d lines", name, m.Len(), m.Lines)
		}
		kept := uint64(0)
		for _, h := range hashes {
			if s := m.Find(h); s != nil {
				kept += s.Lines
			} else if !m.Overflow.MayHave(h) {
				t.Fatalf("%s: a skeleton is neither kept nor in the overflow", name)
			}
		}
		if kept+m.Overflow.Total() != lines || m.Overflow.Lines[logs.Error] != m.Overflow.Total() {
			t.Errorf("%s: %d lines kept and %v not, of %d", name, kept, m.Overflow.Lines, lines)
		}
		if got := m.Overflow.Requests[logs.Error].Count(); math.Abs(got-float64(3000-m.Len())) > .05*3000 {
			t.Errorf("%s: %g requests found no place, want %d", name, got, 3000-m.Len())
		}
	}
	check("added", m, 3000)
	m.Merge(shard)
	check("merged", m, 6000)
	read, err := Decode(m.AppendBinary(nil, nil), Options{MaxBytes: 1 << 18})
	if err != nil {
		t.Fatal(err)
	}
	check("read", read, 6000)
	small, err := Decode(shard.AppendBinary(nil, nil), Options{MaxBytes: 1 << 18})
	if err != nil {
		t.Fatal(err)
	}
	check("read with less room", small, 3000)
	if (&Overflow{}).MayHave(1) {
		t.Error("an empty overflow may have something")
	}
	// A skeleton that is kept here found no place there.
	shard.Merge(m)
	missed := 0
	for _, h := range hashes {
		if shard.Overflow.MayMiss(h) {
			missed++
		}
	}
	if missed < 3000-m.Len() {
		t.Errorf("lines of %d skeletons may be missing, of %d they are", missed, 3000-m.Len())
	}
}

// TestBounds: every table stays within its part of the memory, on lines made to fill
// it.
func TestBounds(t *testing.T) {
	const bytes = 1 << 20
	m := New(Options{MaxBytes: bytes})
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60_000 {
		m.Add(&logs.Record{
			Time: time.Unix(random.Int64N(1<<32), 0), Level: logs.Level(i % 6), Instance: fmt.Appendf(nil, "pod-%d", i%50),
			Trace:   fmt.Appendf(nil, "%d", i),
			Message: fmt.Appendf(nil, "step %s took %d ms for %x and %s", letters(i%300), i, i*i, strings.Repeat("y", i%700)),
		})
	}
	for name, table := range map[string]struct{ taken, part int64 }{
		"skeletons": {m.taken.skeletons, skeletonPart}, "cells": {m.taken.cells, cellPart}, "requests": {m.taken.requests, requestPart},
		"samples": {m.taken.samples, samplePart}, "slots": {m.taken.slots, slotPart},
	} {
		// A single table may grow once before it is noticed.
		if most := int64(bytes)/table.part + 16<<10; table.taken > most || table.taken <= 0 {
			t.Errorf("%s take %d bytes, at most %d may be", name, table.taken, most)
		}
	}
	cells, requests := len(m.Cells), 0
	for i := range m.Len() {
		cells += len(m.At(i).Cells)
		requests += 8 * len(m.At(i).Requests.table)
	}
	if int64(cells*cellSize) != m.taken.cells || int64(requests) != m.taken.requests {
		t.Errorf("%d bytes of cells and %d of requests, said to be %d and %d", cells*cellSize, requests, m.taken.cells, m.taken.requests)
	}
	if len(m.Cells) > maxCells {
		t.Errorf("%d cells", len(m.Cells))
	}
}

// TestMemory: a process that mines more skeletons than fit stays below 256 MB.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("mines 400,000 lines")
	}
	// As many skeletons as lines: the tables are full after half of them.
	if peak := flood(400_000, 400_000); peak > 256<<20 {
		t.Errorf("the heap took %d MB", peak>>20)
	}
}
