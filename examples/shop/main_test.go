package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCommandsSayWhatIsMissing(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "no command"},
		{[]string{"sell"}, `"sell"`},
		{[]string{"load"}, "-targets"},
		{[]string{"load", "-targets", "http://a", "-rate", "0"}, "rate"},
		{[]string{"serve", "-version", "v9"}, `"v9"`},
	} {
		err := run(t.Context(), test.args, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("shop %v: error %v does not mention %s", test.args, err, test.want)
		}
	}
}

// One checkout through two processes' worth of code: the trace it leaves has the spans of both.
func TestATraceGoesThroughShopAndInventory(t *testing.T) {
	dir := t.TempDir()
	shop, inventory := freeAddress(t), freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var commands sync.WaitGroup
	for _, args := range [][]string{
		{"inventory", "-listen", inventory, "-spans", filepath.Join(dir, "inventory")},
		{"serve", "-listen", shop, "-inventory", "http://" + inventory, "-spans", filepath.Join(dir, "shop"), "-trace-ratio", "1"},
	} {
		commands.Go(func() {
			if err := run(ctx, args, io.Discard, io.Discard); err != nil {
				t.Errorf("shop %v: %v", args, err)
			}
		})
	}
	awaitHealth(t, inventory)
	awaitHealth(t, shop)
	cart := `{"lines":[{"sku":"sku-0001","quantity":1},{"sku":"sku-0002","quantity":3}]}`
	response, err := http.Post("http://"+shop+"/checkout", "application/json", strings.NewReader(cart))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("checkout: %s", response.Status)
	}
	stop()
	commands.Wait()

	checkout := "" // its trace
	for trace, names := range spanNames(t, filepath.Join(dir, "shop")) {
		if strings.Contains(names, "POST /checkout") {
			checkout = trace
		}
	}
	if checkout == "" {
		t.Fatal("the shop left no span of the checkout")
	}
	const want = "POST /items/batch, POST /reservations"
	if names := spanNames(t, filepath.Join(dir, "inventory"))[checkout]; names != want {
		t.Errorf("the inventory's spans of the checkout: %q, want %q", names, want)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func awaitHealth(t *testing.T, address string) {
	t.Helper()
	for range 500 {
		response, err := http.Get("http://" + address + "/healthz")
		if err == nil {
			response.Body.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", address)
}

// spanNames lists the names of the spans of each trace in a file.
func spanNames(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	names := map[string]string{}
	for decoder := json.NewDecoder(file); decoder.More(); {
		var request struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []struct{ TraceID, Name string }
				}
			}
		}
		if err := decoder.Decode(&request); err != nil {
			t.Fatal(err)
		}
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					if names[span.TraceID] != "" {
						names[span.TraceID] += ", "
					}
					names[span.TraceID] += span.Name
				}
			}
		}
	}
	return names
}
