package server

import (
	"testing"
	"time"

	"github.com/judged-dev/judged/internal/notify"
)

func TestDeliveryID(t *testing.T) {
	e := notify.Event{ID: "a/b/1", Time: time.Unix(1763719200, 0)}
	later := e
	later.Time = e.Time.Add(time.Second)
	first := deliveryID(e, "chat")
	if first != deliveryID(e, "chat") || first == deliveryID(e, "pager") || first >= deliveryID(later, "chat") || len(first) != 31 {
		t.Errorf("%q, %q, %q", first, deliveryID(e, "pager"), deliveryID(later, "chat"))
	}
}
