package transcript

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/metrics"
)

// mined is the counted lines of one query over one stretch of time.
type mined struct {
	source, expr string
	from, to     time.Time
	// body is a Miner's bytes.
	body []byte
	// learned says that no chunk has it yet.
	learned bool
}

// maxMined bounds the bytes of one stretch that are kept: chunks with several must
// stay below their limit. What has more is asked for again at each look.
const maxMined = 8 << 20

// Mined returns a Read that asks read only for what the transcript does not know
// yet of the source of that name, and remembers it: the lines themselves are not
// kept, but for some to be read, to which clean is applied first. Lines that come
// late, after the look at their time, are not seen.
func (t *Transcript) Mined(name string, o mine.Options, clean func(string) string, read mine.Read) mine.Read {
	return func(ctx context.Context, expr string, window metrics.Window) (*mine.Miner, error) {
		whole, at, err := t.recall(name, expr, window, o)
		if err != nil || !at.Before(window.End) {
			return whole, err
		}
		news := metrics.Window{Start: at, End: window.End}
		m, err := read(ctx, expr, news)
		if err != nil {
			return nil, err
		}
		body := m.AppendBinary(nil, clean)
		if len(body) <= maxMined {
			t.mu.Lock()
			t.mined = append(t.mined, &mined{name, expr, news.Start, news.End, body, true})
			t.mu.Unlock()
		}
		// What is judged now is what will be recalled later, byte for byte.
		if m, err = mine.Decode(body, o); err != nil {
			return nil, err
		}
		whole.Merge(m)
		return whole, nil
	}
}

// recall returns what is known of a window from its start on, and until when.
func (t *Transcript) recall(name, expr string, window metrics.Window, o mine.Options) (*mine.Miner, time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	whole, at := mine.New(o), window.Start
	for {
		i := slices.IndexFunc(t.mined, func(m *mined) bool {
			return m.source == name && m.expr == expr && m.from.Equal(at) && m.to.After(at) && !m.to.After(window.End)
		})
		if i < 0 {
			return whole, at, nil
		}
		m, err := mine.Decode(t.mined[i].body, o)
		if err != nil {
			return nil, at, fmt.Errorf("what was read of %s from %s on: %w", name, at.UTC().Format(time.RFC3339), err)
		}
		whole.Merge(m)
		at = t.mined[i].to
	}
}

// RecordedLogs returns a Read that answers what was asked of the source of that
// name, and nothing else.
func (t *Transcript) RecordedLogs(name string, o mine.Options) mine.Read {
	return func(_ context.Context, expr string, window metrics.Window) (*mine.Miner, error) {
		whole, at, err := t.recall(name, expr, window, o)
		if err == nil && at.Before(window.End) {
			err = &metrics.Error{
				Op: "read the recording of", Source: name, Query: expr, Reason: metrics.BadQuery,
				Err:  errors.New("the analysis did not read this, or not of this time"),
				Hint: "judge again with the same queries and scopes; pins, tolerances and the decision may change",
			}
		}
		return whole, err
	}
}

// writeMined appends what was learned of logs; nothing if that is nothing, so that
// chunks without logs are as they were before there were any.
func (t *Transcript) writeMined(w *writer) {
	var learned []*mined
	for _, m := range t.mined {
		if m.learned {
			m.learned = false
			learned = append(learned, m)
		}
	}
	if len(learned) == 0 {
		return
	}
	slices.SortStableFunc(learned, func(a, b *mined) int {
		return slices.Compare([]string{a.source, a.expr}, []string{b.source, b.expr})
	})
	w.uint(uint64(len(learned)))
	for _, m := range learned {
		w.text(m.source)
		w.text(m.expr)
		w.int(m.from.UnixNano())
		w.int(m.to.UnixNano())
		w.text(string(m.body))
	}
}

func (t *Transcript) readMined(r *reader) {
	for range r.count() {
		m := &mined{source: r.text(), expr: r.text()}
		m.from, m.to = time.Unix(0, r.int()).UTC(), time.Unix(0, r.int()).UTC()
		m.body = []byte(r.text())
		if r.err == nil && !m.to.After(m.from) {
			r.fail("lines of a stretch that ends before it begins")
		}
		if r.err != nil {
			return
		}
		t.mined = append(t.mined, m)
	}
}
