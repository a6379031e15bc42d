package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/internal/store"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// pins are what people said of log templates, by tenant and application.
type pins struct {
	store *store.Store
	now   func() time.Time
}

const (
	pinKind = "pin"
	// maxPins bounds the pins of an application: every look reads them.
	maxPins = 1000
	// maxAllPins bounds those of a tenant, whose applications nobody counts.
	maxAllPins = 100 * maxPins
	// pinTries bounds how often two callers race for one pin.
	pinTries = 5
)

// pinID orders the pins of an application by template.
func pinID(application, template string) string {
	sum := sha256.Sum256([]byte(application))
	return hex.EncodeToString(sum[:8]) + "/" + template
}

// of returns the pins of an application, by template.
func (p *pins) of(ctx context.Context, tenant, application string) ([]*judgedv1.Pin, error) {
	if application == "" {
		return nil, nil // nobody can set any
	}
	rows, err := p.store.Documents(ctx, tenant, pinKind, []string{application}, nil, 0, maxPins)
	if err != nil {
		return nil, err
	}
	all := make([]*judgedv1.Pin, len(rows))
	for i, row := range rows {
		all[i] = &judgedv1.Pin{}
		if err := unpack(row.Summary, all[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b *judgedv1.Pin) int { return strings.Compare(a.GetTemplate(), b.GetTemplate()) })
	return all, nil
}

// find returns the pin of a template, nil if there is none, and its document's
// version.
func (p *pins) find(ctx context.Context, tenant, application, template string) (*judgedv1.Pin, store.Document, error) {
	row, err := p.store.Document(ctx, tenant, pinKind, pinID(application, template))
	if errors.Is(err, store.ErrNotFound) {
		return nil, store.Document{}, nil
	}
	if err != nil {
		return nil, store.Document{}, err
	}
	pin := &judgedv1.Pin{}
	return pin, row, unpack(row.Summary, pin)
}

// set keeps a pin in place of the one before it.
func (p *pins) set(ctx context.Context, tenant, application string, pin *judgedv1.Pin) error {
	var err error
	for range pinTries {
		var (
			known *judgedv1.Pin
			row   store.Document
		)
		if known, row, err = p.find(ctx, tenant, application, pin.GetTemplate()); err != nil || proto.Equal(known, pin) {
			return err
		}
		if known == nil {
			all, err := p.of(ctx, tenant, application)
			if err != nil {
				return err
			}
			if len(all) >= maxPins {
				return exhausted("TOO_MANY_PINS", 0, "application %q has %d pins, which is the limit: delete those whose time is over, or whose messages nobody writes any more", application, len(all))
			}
		}
		if err = p.put(ctx, tenant, application, pin, row); !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			break
		}
	}
	if e, ok := errors.AsType[*store.TooManyError](err); ok {
		return exhausted("TOO_MANY_PINS", 0, "there are %d pins of all applications, which is the limit: delete some", e.Have)
	}
	return err
}

func (p *pins) put(ctx context.Context, tenant, application string, pin *judgedv1.Pin, before store.Document) error {
	now := p.now()
	d := store.Document{
		Tenant: tenant, Kind: pinKind, ID: pinID(application, pin.GetTemplate()), Scope: application, Version: before.Version, Created: now, Updated: now,
	}
	if pin.GetUntil() != nil {
		// No analysis that began before it ended is judged again after that.
		d.Expires = pin.GetUntil().AsTime().AddDate(0, 0, maxRescoreDays)
	}
	var err error
	if d.Summary, err = pack(pin); err != nil {
		return err
	}
	return p.store.PutDocuments(ctx, []store.Document{d}, maxAllPins)
}

// remove forgets the pin of a template and returns it, nil if there is none.
func (p *pins) remove(ctx context.Context, tenant, application, template string) (*judgedv1.Pin, error) {
	pin, _, err := p.find(ctx, tenant, application, template)
	if err != nil || pin == nil {
		return nil, err
	}
	err = p.store.DeleteDocument(ctx, tenant, pinKind, pinID(application, template))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // somebody else was faster
	}
	return pin, err
}
