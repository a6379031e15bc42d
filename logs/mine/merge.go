package mine

import (
	"slices"
	"time"
)

// Merge adds what o counted, as if its lines had been added here. What comes out
// depends on the order only in which lines are kept to be read or had their variable
// parts looked at and, where the tables are full, in which skeletons found room.
// o is as it was before.
func (m *Miner) Merge(o *Miner) {
	m.Lines += o.Lines
	m.Traced += o.Traced
	m.Cut += o.Cut
	m.Bytes += o.Bytes
	m.First, m.Last = span(m.First, m.Last, o.First, o.Last)
	m.Requests.merge(&o.Requests, maxAllRequests)
	m.Overflow.merge(&o.Overflow)
	for m.Cell < o.Cell {
		m.widen()
	}
	if o.floor > m.floor {
		m.raise(o.floor)
	}
	instances := make([]uint16, len(o.instances.list))
	for i, name := range o.instances.list {
		instances[i] = m.instance([]byte(name))
	}
	m.mergeCells(&m.Cells, o.Cells, o, instances)
	for k := range o.n {
		m.mergeSkeleton(o.At(k), o, instances)
	}
}

func (m *Miner) mergeSkeleton(from *Skeleton, o *Miner, instances []uint16) {
	i, ok := m.index[from.Hash]
	if !ok {
		if i, ok = m.place(from.Hash, []byte(from.Text), from.Level, []byte(o.Logger(from)), from.Site); !ok {
			m.Overflow.add(from.Hash)
			m.Overflow.Lines[from.Level] += from.Lines
			m.Overflow.Requests[from.Level].merge(&from.Requests, maxAllRequests)
			return
		}
		m.At(int(i)).Cut = from.Cut
	}
	s := m.At(int(i))
	s.Lines += from.Lines
	s.Traced += from.Traced
	s.First, s.Last = span(s.First, s.Last, from.First, from.Last)
	before := len(s.Requests.table)
	s.Requests.merge(&from.Requests, maxRequests)
	m.taken.requests += 8 * int64(len(s.Requests.table)-before)
	m.thin()
	m.mergeCells(&s.Cells, from.Cells, o, instances)
	if from.detail == none {
		return
	}
	for _, one := range from.detail.samples {
		if len(s.detail.samples) >= samplesEach || m.taken.samples+one.size() > m.options.MaxBytes/samplePart {
			break
		}
		m.taken.samples += one.size()
		d := s.own()
		d.samples = append(d.samples, one)
	}
	for k := range from.detail.slots {
		d := s.own()
		if k >= len(d.slots) {
			if m.slotRoom() < slotSize {
				break
			}
			m.taken.slots += slotSize
			d.slots = append(d.slots, Slot{})
		}
		m.taken.slots += d.slots[k].merge(&from.detail.slots[k], m.slotRoom())
	}
}

// mergeCells adds cells of o, which may be narrower than those of m.
func (m *Miner) mergeCells(to *Cells, from Cells, o *Miner, instances []uint16) {
	before := len(*to)
	all := slices.Grow(*to, len(from))
	for _, c := range from {
		at := int64(c.At) * int64(o.Cell/time.Second) / int64(m.Cell/time.Second)
		all = append(all, Cell{At: int32(at), Instance: instances[c.Instance], Lines: c.Lines})
	}
	*to = all.Sum()
	m.taken.cells += cellSize * int64(len(*to)-before)
	m.coarsen()
}
