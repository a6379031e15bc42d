package template

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/judged-dev/judged/logs"
)

// mergeLines scans and merges messages and returns, for each template, its text
// and the messages that belong to it.
func mergeLines(messages ...string) (texts []string, of map[string]int) {
	var s Scanner
	skeletons := make([]Skeleton, len(messages))
	for i, m := range messages {
		s.Scan([]byte(m))
		skeletons[i] = Skeleton{Text: string(s.AppendText(nil)), Cut: s.Cut()}
	}
	of = map[string]int{}
	for t, found := range Merge(skeletons) {
		texts = append(texts, found.Text)
		for _, k := range found.Members {
			of[messages[k]] = t
		}
	}
	return texts, of
}

// Each group is what one statement may write.
func TestOneStatement(t *testing.T) {
	for name, group := range map[string][]string{
		"lists":           {"stops: [oslo]", "stops: [oslo, bergen]", "stops: [oslo, bergen, voss]", "stops: []"},
		"dumps":           {"got Order(id=1, items=[Item(a=1)])", "got Order(id=2, items=[Item(a=1), Item(a=2)])", "got Order(id=2, items=null)"},
		"list of dumps":   {"got all: [Item(a=1)]", "got all: [Item(a=1), Item(a=2)]"},
		"maps":            {"prices: {17:gold={x=1}}", "prices: {17:gold={x=1}, 18:silver={x=2}}"},
		"key and value":   {"[city: oslo]", "[city: bergen]"},
		"absent":          {"from 10.0.0.1 () at", "from 10.0.0.1 (10.0.0.2) at"},
		"absent value":    {"login user= host=h.example.com", "login user=ada host=h.example.com"},
		"repeats":         {"core <1> load 5, core <2> load 7", "core <1> load 5", "core <1> load 5, core <2> load 7, core <3> load 1"},
		"signs":           {"lived <1 sec", "lived 5 sec", "lived ~10 sec"},
		"size twice":      {"sent 451 bytes, closed", "sent 1165 bytes (1.13 KB), closed"},
		"column":          {"hello ada from here", "hello bob from here", "hello eve from here", "hello dan from here", "hello kim from here"},
		"names":           {"start app-a.b", "start app-c.d", "start app-e.f", "start app-g.h", "start app-i.j"},
		"beside a mask":   {"leave room 5 now", "leave room attic now", "leave room hall now"},
		"with a period":   {"started.", "started."},
		"dates":           {"on Jan 5", "on Feb 17"},
		"in another unit": {"took 5 ms", "took 1.2 s"},
	} {
		if texts, _ := mergeLines(group...); len(texts) != 1 {
			t.Errorf("%s: %q", name, texts)
		}
	}
}

// No two of these come from one statement; a canary's may be the second of a pair.
func TestSeveralStatements(t *testing.T) {
	for name, group := range map[string][]string{
		"states":     {"VM Started (event)", "VM Paused (event)", "VM Resumed (event)", "VM Stopped (event)", "VM Migrated (event)", "VM Crashed (event)"},
		"verbs":      {"Failed to open it", "Failed to close it", "Failed to read it"},
		"exceptions": {"hit a java.io.IOException here", "hit a java.lang.Error here", "hit a java.net.BindException here", "hit a x.y.TimeoutException here", "hit a x.y.AuthError here"},
		"constants":  {"went from NEW to DONE", "went from NEW to FAILED", "went from NEW to LOST", "went from NEW to RUNNING", "went from NEW to STALE"},
		"way":        {"sent 5 to 7", "sent 5 from 7", "sent 5 by 7", "sent 5 with 7", "sent 5 at 7"},
		"prose":      {"done err=EOF", "done err=timeout", "done err=refused"},
		"optional":   {"denied host=10.0.0.1", "denied host=10.0.0.1 user=ada"},
		"heads":      {"auth: 5 done", "cart: 5 done", "mail: 5 done", "shop: 5 done", "pay: 5 done"},
		"keys":       {"set a=5", "set b=5", "set c=5", "set d=5", "set e=5"},
		"beginnings": {"cache is up", "store is up", "queue is up", "index is up", "mail is up", "shop is up"},
	} {
		if texts, _ := mergeLines(group...); len(texts) != len(group) {
			t.Errorf("%s: %d statements gave %q", name, len(group), texts)
		}
	}
}

// Words that are known to be values in one place, or that stand for each other in
// two, are values elsewhere.
func TestValuesElsewhere(t *testing.T) {
	texts, of := mergeLines(
		"hello ada from here", "hello bob from here", "hello eve from here", "hello dan from here", "hello kim from here",
		"too much noise by bob today", "too much noise by eve today",
		"opened for north gate", "opened for south gate", "opened for west gate",
		"closed for north gate", "closed for south gate", "closed for west gate",
	)
	if len(texts) != 4 || of["too much noise by bob today"] != of["too much noise by eve today"] ||
		of["closed for north gate"] != of["closed for west gate"] {
		t.Errorf("%q", texts)
	}
}

func TestLevelsAndLoggersStayApart(t *testing.T) {
	templates := Merge([]Skeleton{
		{Text: "gone", Level: logs.Error, Logger: "a"},
		{Text: "gone", Level: logs.Info, Logger: "a"},
		{Text: "gone", Level: logs.Info, Logger: "b"},
		{Text: "gone", Level: logs.Info, Logger: "a"},
	})
	ids := map[uint64]bool{}
	for _, t := range templates {
		ids[t.ID] = true
	}
	want := [][]int{{1, 3}, {2}, {0}}
	for i, found := range templates {
		if i >= len(want) || !slices.Equal(found.Members, want[i]) {
			t.Fatalf("%+v", templates)
		}
	}
	if len(templates) != 3 || len(ids) != 3 {
		t.Errorf("%+v", templates)
	}
	if len(Merge(nil)) != 0 {
		t.Error("templates of nothing")
	}
}

// Any order of the same skeletons gives the same templates with the same members.
func TestOrderDoesNotMatter(t *testing.T) {
	var s Scanner
	seen := map[string]bool{}
	var skeletons []Skeleton
	add := func(text string, level logs.Level) {
		if key := fmt.Sprint(text, level); !seen[key] {
			seen[key] = true
			skeletons = append(skeletons, Skeleton{Text: text, Level: level})
		}
	}
	for i, line := range generated(300) {
		s.Scan(line)
		add(string(s.AppendText(nil)), logs.Level(i%3))
	}
	for _, k := range append(longSkeletons(60), shortSkeletons(200)...) {
		add(k.Text, k.Level)
	}
	type result struct {
		id      uint64
		text    string
		members []string
	}
	results := func() []result {
		var all []result
		count := 0
		for _, found := range Merge(skeletons) {
			r := result{id: found.ID, text: found.Text}
			for _, k := range found.Members {
				r.members = append(r.members, skeletons[k].Text)
				if skeletons[k].Level != found.Level {
					t.Fatalf("%+v holds a skeleton of level %v", found, skeletons[k].Level)
				}
			}
			count += len(r.members)
			slices.Sort(r.members)
			all = append(all, r)
		}
		if count != len(skeletons) {
			t.Fatalf("%d members of %d skeletons", count, len(skeletons))
		}
		return all
	}
	want := results()
	r := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		r.Shuffle(len(skeletons), func(i, j int) { skeletons[i], skeletons[j] = skeletons[j], skeletons[i] })
		if got := results(); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order gives\n%v\nwant\n%v", got, want)
		}
	}
}

// Lists whose end was cut off with the line are those that were not.
func TestCutLists(t *testing.T) {
	long := "all: [" + strings.TrimSuffix(strings.Repeat("Item(id=5, name=x y), ", 200), ", ") + "]"
	if texts, _ := mergeLines("all: [Item(id=5, name=x y)]", long); len(texts) != 1 {
		t.Errorf("%q", texts)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("a <*>\na b\na c\na d", "(x=[y, z], [[[")
	f.Add(strings.Repeat("[", 100)+"\n]]]]", "k= j= l=\n{a:b=c, d}")
	f.Fuzz(func(t *testing.T, a, b string) {
		var s Scanner
		var skeletons []Skeleton
		for i, line := range strings.Split(a+"\n"+b, "\n") {
			s.Scan([]byte(line))
			skeletons = append(skeletons, Skeleton{Text: string(s.AppendText(nil)), Level: logs.Level(i % 2)})
		}
		forward := Merge(skeletons)
		count := 0
		for _, found := range forward {
			count += len(found.Members)
			if !slices.IsSorted(found.Members) {
				t.Fatalf("members %v", found.Members)
			}
		}
		if count != len(skeletons) {
			t.Fatalf("%d members of %d skeletons", count, len(skeletons))
		}
		slices.Reverse(skeletons)
		backward := Merge(skeletons)
		if len(forward) != len(backward) {
			t.Fatalf("%d templates, backwards %d", len(forward), len(backward))
		}
		for i := range forward {
			if forward[i].ID != backward[i].ID || forward[i].Text != backward[i].Text {
				t.Fatalf("%q, backwards %q", forward[i].Text, backward[i].Text)
			}
		}
	})
}
