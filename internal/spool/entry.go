package spool

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// MaxPayload bounds an entry, in bytes.
	MaxPayload = 1 << 20
	// MaxAttributes bounds an entry's attributes, in bytes of names and values; there
	// are at most 64 of them.
	MaxAttributes = 4 << 10

	mostAttributes = 64
)

// Entry is one thing to keep.
type Entry struct {
	// First and Last are the times that the payload is about.
	First, Last time.Time
	// Attributes are what readers can choose entries by without reading them.
	Attributes Attributes
	// Payload is kept as it is: 1 byte to MaxPayload.
	Payload []byte
}

// Attribute is a name and its value.
type Attribute struct{ Name, Value string }

// Attributes belong to an entry. Entries with the same ones, in the same order,
// are kept together.
type Attributes []Attribute

// Get returns the value of a name, "" if there is none.
func (a Attributes) Get(name string) string {
	for _, one := range a {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

func (a Attributes) size() int {
	n := 0
	for _, one := range a {
		n += len(one.Name) + len(one.Value)
	}
	return n
}

// compare sorts attributes, so that equal ones meet.
func (a Attributes) compare(b Attributes) int {
	return slices.CompareFunc(a, b, func(x, y Attribute) int {
		if c := strings.Compare(x.Name, y.Name); c != 0 {
			return c
		}
		return strings.Compare(x.Value, y.Value)
	})
}

func (e Entry) check(latest time.Time) error {
	switch {
	case len(e.Payload) == 0 || len(e.Payload) > MaxPayload:
		return fmt.Errorf("spool: an entry has 1 to %d bytes, this one has %d", MaxPayload, len(e.Payload))
	case e.Attributes.size() > MaxAttributes || len(e.Attributes) > mostAttributes:
		return fmt.Errorf("spool: an entry has at most %d attributes of %d bytes together, this one has %d of %d", mostAttributes, MaxAttributes, len(e.Attributes), e.Attributes.size())
	case e.First.After(e.Last):
		return fmt.Errorf("spool: an entry begins at %v, after its end at %v", e.First, e.Last)
	case e.Last.After(latest):
		return fmt.Errorf("spool: an entry is of %v, which has not come yet", e.Last)
	default:
		return nil
	}
}
