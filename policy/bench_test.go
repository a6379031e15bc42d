package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/judged-dev/judged/judge"
)

func BenchmarkApply(b *testing.B) {
	d := mustDecision(b, "findings.exists(f, f.critical && f.high)", "findings.all(f, has(f.pValue) && f.pValue > 0.5)", "look.number < 10 && score > 99")
	var findings []judge.Finding
	for i := range 30 {
		findings = append(findings, finding(fmt.Sprintf("signal-%d", i), func(f *judge.Finding) { f.Signal.Critical, f.PValue = i%2 == 0, .9 }))
	}
	j := judge.Decide(findings, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Apply(b.Context(), j, Facts{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthorization(b *testing.B) {
	a := mustAuthorization(b,
		AuthorizationRule{Name: "blocked", Deny: "caller.name in ['mallory', 'trudy']"},
		AuthorizationRule{Name: "ci", Allow: "caller.method == 'token' && action in ['analyses.start', 'analyses.get']"},
		AuthorizationRule{Name: "sre", Allow: "has(claims.groups) && 'sre' in claims.groups && application == 'shop'"},
	)
	r := Request{
		Caller: Caller{Name: "ann", Tenant: "acme", Method: "oidc"}, Claims: map[string]any{"groups": []any{"dev", "sre"}},
		Action: "analyses.start", Application: "shop",
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := a.Evaluate(b.Context(), r); !got.Allowed {
			b.Fatal(got)
		}
	}
}

func BenchmarkWindows(b *testing.B) {
	office := "now.getDayOfWeek('Europe/Berlin') in [1, 2, 3, 4, 5] && now.getHours('Europe/Berlin') >= 8 && now.getHours('Europe/Berlin') < 16"
	for _, c := range []struct{ name, allow, now string }{
		{"open", office, "2026-11-20T12:00:00+01:00"},
		{"weekend", office, "2026-11-20T18:00:00+01:00"},
		{"never", "now.getHours('Europe/Berlin') == 25", "2026-11-20T18:00:00+01:00"},
		{"never by minutes", "now.getMinutes('Europe/Berlin') == 61", "2026-11-20T18:00:00+01:00"},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := mustWindows(b, []string{c.allow}, nil, nil)
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.At(b.Context(), now, Facts{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		mustDecision(b, "findings.exists(f, f.critical && f.high)", "", "")
	}
}

// BenchmarkLimit is what a rule costs that is stopped by the meter.
func BenchmarkLimit(b *testing.B) {
	r := mustCompile(b, &decisions, "findings.all(f, findings.all(g, f.name != g.name || f.similar))")
	given := thousand()
	for b.Loop() {
		if _, _, err := r.eval(b.Context(), &variables{decisions.root, given}); err == nil {
			b.Fatal("nothing stopped it")
		}
	}
}
