package server

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// everything is a request in order that has each message of the contract.
func everything() *judgedv1.JudgeRequest {
	share, margin := 0.5, &judgedv1.Margin{Relative: new(float64), Absolute: new(float64)}
	side := func() *judgedv1.Samples {
		return &judgedv1.Samples{Values: []float64{1}, Totals: []float64{2}, Histograms: []*judgedv1.Histogram{{Bounds: []float64{0, 1}, Counts: []float64{1}}}}
	}
	pods := func() []*judgedv1.PodSamples {
		return []*judgedv1.PodSamples{{Name: "pod", Samples: side(), History: side()}}
	}
	return &judgedv1.JudgeRequest{
		Signals: []*judgedv1.SignalSamples{{
			Name: "latency", Kind: judgedv1.Kind_GAUGE, Direction: judgedv1.Direction_INCREASE, Weight: 1, Margin: margin, Tolerance: margin, Unit: "ms",
			Baseline: side(), Canary: side(), BaselineHistory: side(), CanaryHistory: side(), BaselinePods: pods(), CanaryPods: pods(),
			Slo: wrapperspb.Double(1), Share: wrapperspb.Double(0.1),
		}},
		Decision: &judgedv1.Decision{Alpha: &share, Fail: "true", Inconclusive: "true", Pass: "true"},
		Interval: durationpb.New(60e9), Looks: &judgedv1.Looks{PlannedIntervals: 60, Every: 5}, Assignment: judgedv1.Assignment_RANDOMIZED,
	}
}

// usual is what most callers send.
func usual() *judgedv1.JudgeRequest {
	side := &judgedv1.Samples{Values: []float64{1, 2, math.NaN()}}
	return &judgedv1.JudgeRequest{Signals: []*judgedv1.SignalSamples{{Name: "latency", Baseline: side, Canary: side}}}
}

// fataler is a testing.T or a rapid.T.
type fataler interface {
	Fatalf(format string, args ...any)
}

// agree fails unless inOrder says of r what protovalidate says.
func agree(t fataler, r *judgedv1.JudgeRequest) bool {
	err := protovalidate.Validate(r)
	if got := inOrder(r); got != (err == nil) {
		t.Fatalf("in order: %v, but protovalidate says %v of\n%.2000s", got, err, r)
	}
	return err == nil
}

// Each field of each message, set to whatever a rule may be about.
func TestInOrderAgreesOnEveryField(t *testing.T) {
	accepted, refused := 0, 0
	for _, request := range []func() *judgedv1.JudgeRequest{usual, everything} {
		for at, m := range messages(request().ProtoReflect()) {
			for i := range m.Descriptor().Fields().Len() {
				field := m.Descriptor().Fields().Get(i)
				if field.IsList() || field.Message() != nil {
					continue
				}
				for _, v := range values(t, field) {
					r := request()
					messages(r.ProtoReflect())[at].Set(field, v)
					if agree(t, r) {
						accepted++
					} else {
						refused++
					}
				}
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d requests were accepted and %d refused: there must be some of both", accepted, refused)
	}
}

// Requests with several changes, of what is there and of what is in it.
func TestInOrderAgreesOnRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]func() *judgedv1.JudgeRequest{usual, everything}).Draw(t, "request")()
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			all := messages(r.ProtoReflect())
			change(t, all[rapid.IntRange(0, len(all)-1).Draw(t, "message")])
			agree(t, r)
		}
	})
}

func FuzzInOrder(f *testing.F) {
	for _, r := range []*judgedv1.JudgeRequest{usual(), everything(), {}} {
		data, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &judgedv1.JudgeRequest{}
		if (protoCodec{}).Unmarshal(data, r) == nil {
			agree(t, r)
		}
	})
}

// messages returns m and all messages in it.
func messages(m protoreflect.Message) []protoreflect.Message {
	all := []protoreflect.Message{m}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range v.List().Len() {
				all = append(all, messages(v.List().Get(i).Message())...)
			}
		default:
			all = append(all, messages(v.Message())...)
		}
		return true
	})
	return all
}

// change sets a field of m to something that a rule may be about.
func change(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	field := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
	absent := rapid.IntRange(0, 3).Draw(t, "absent") == 0
	switch {
	case absent:
		m.Clear(field)
	case field.IsList():
		list := m.Mutable(field).List()
		for range rapid.IntRange(1, 2).Draw(t, "more") {
			switch {
			case field.Message() == nil:
				list.Append(scalar(t, field))
			case list.Len() > 0 && rapid.Bool().Draw(t, "twice"):
				list.Append(protoreflect.ValueOfMessage(proto.Clone(list.Get(0).Message().Interface()).ProtoReflect()))
			default:
				list.AppendMutable()
			}
		}
	case field.Message() != nil:
		m.Set(field, m.NewField(field)) // there, and empty
	default:
		m.Set(field, scalar(t, field))
	}
}

func scalar(t *rapid.T, field protoreflect.FieldDescriptor) protoreflect.Value {
	return rapid.SampledFrom(values(t, field)).Draw(t, string(field.Name()))
}

// values are those that rules may tell apart.
func values(t fataler, field protoreflect.FieldDescriptor) (all []protoreflect.Value) {
	switch field.Kind() {
	case protoreflect.DoubleKind:
		for _, v := range []float64{
			0, math.Copysign(0, -1), 5e-324, 9.9e-7, 1e-6, 0.5, math.Nextafter(0.5, 1), 1, 10, math.Nextafter(10, 11), 1e6, math.Nextafter(1e6, 2e6), 1e300, -1e-9, -1,
			math.NaN(), math.Inf(1), math.Inf(-1),
		} {
			all = append(all, protoreflect.ValueOfFloat64(v))
		}
	case protoreflect.StringKind:
		for _, character := range []string{"x", "é", "\u2028", "\U0001f600"} {
			for _, n := range []int{0, 1, 32, 33, 63, 64, 253, 254, 4096, 4097} {
				all = append(all, protoreflect.ValueOfString(strings.Repeat(character, n)))
			}
		}
		for _, text := range []string{"\n", "a\nb", "a\n", "\x7f", "a\x00", "\x1f", " ", "anomaly"} {
			all = append(all, protoreflect.ValueOfString(text))
		}
	case protoreflect.EnumKind:
		for _, v := range []int32{math.MinInt32, -1, 0, 1, 2, 3, 4, 5, 6, math.MaxInt32} {
			all = append(all, protoreflect.ValueOfEnum(protoreflect.EnumNumber(v)))
		}
	case protoreflect.Int32Kind:
		for _, v := range []int32{math.MinInt32, -1, 0, 1, 999_999, 1e6, 1e6 + 1, math.MaxInt32} {
			all = append(all, protoreflect.ValueOfInt32(v))
		}
	case protoreflect.Int64Kind:
		for _, v := range []int64{math.MinInt64, -1, 0, 1, 86_399, 86_400, 86_401, math.MaxInt64} {
			all = append(all, protoreflect.ValueOfInt64(v))
		}
	case protoreflect.BoolKind:
		all = append(all, protoreflect.ValueOfBool(false), protoreflect.ValueOfBool(true))
	default:
		t.Fatalf("%s is a %v, of which this test knows no values yet", field.FullName(), field.Kind())
	}
	return all
}

// judge anomaly is the one word that a rule is about.
func TestInOrderWithoutBaseline(t *testing.T) {
	for _, name := range []string{"anomaly", "paired", ""} {
		r := usual()
		r.Signals[0].Judge, r.Signals[0].Baseline = name, nil
		if got := agree(t, r); got != (name == "anomaly") {
			t.Errorf("judge %q without a baseline: in order: %v", name, got)
		}
	}
}

// As many as the contract allows, and one more.
func TestInOrderAtItsLimits(t *testing.T) {
	limits := 0
	for field, rules := range ruled(t, (&judgedv1.JudgeRequest{}).ProtoReflect().Descriptor()) {
		most := int(rules.GetRepeated().GetMaxItems() + rules.GetString().GetMaxLen())
		if most == 0 {
			continue
		}
		limits++
		r := everything()
		for _, m := range messages(r.ProtoReflect()) {
			if m.Descriptor() != field.Parent() {
				continue
			}
			for _, n := range []int{most, most + 1} {
				fill(m, field, n)
				if got := agree(t, r); got != (n == most) {
					t.Errorf("%s with %d: in order: %v", field.FullName(), n, got)
				}
			}
			break
		}
	}
	if limits == 0 {
		t.Error("the contract has no limits, though it had")
	}
}

// fill sets a field to n elements or characters.
func fill(m protoreflect.Message, field protoreflect.FieldDescriptor, n int) {
	if !field.IsList() {
		m.Set(field, protoreflect.ValueOfString(strings.Repeat("é", n)))
		return
	}
	list := m.Mutable(field).List()
	for i := list.Len(); i < n; i++ {
		if field.Message() == nil {
			list.Append(list.Get(0))
			continue
		}
		name := field.Message().Fields().ByName("name")
		if name == nil {
			list.Append(list.Get(0))
			continue
		}
		one := proto.Clone(list.Get(0).Message().Interface()).ProtoReflect()
		one.Set(name, protoreflect.ValueOfString(fmt.Sprint(i)))
		list.Append(protoreflect.ValueOfMessage(one))
	}
}

// ruled returns the fields of d, and of the messages in it, that have rules.
func ruled(t *testing.T, d protoreflect.MessageDescriptor) map[protoreflect.FieldDescriptor]*validate.FieldRules {
	t.Helper()
	all, seen := map[protoreflect.FieldDescriptor]*validate.FieldRules{}, map[protoreflect.FullName]bool{}
	var walk func(protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			field := d.Fields().Get(i)
			rules, err := protovalidate.ResolveFieldRules(field)
			if err != nil {
				t.Fatal(err)
			}
			if rules != nil {
				all[field] = rules
			}
			if field.Message() != nil {
				walk(field.Message())
			}
		}
	}
	walk(d)
	return all
}

// rulesText are the rules as one line, without their messages.
func rulesText(rules protoreflect.Message) string {
	var parts []string
	rules.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Name() == "cel":
			for i := range v.List().Len() {
				rule := v.List().Get(i).Message()
				parts = append(parts, rule.Get(rule.Descriptor().Fields().ByName("expression")).String())
			}
		case field.Message() != nil && !field.IsList():
			parts = append(parts, rulesText(v.Message()))
		default:
			parts = append(parts, fmt.Sprintf("%s=%v", field.Name(), v))
		}
		return true
	})
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// inOrder must be taught every rule. If this test fails because a rule is new or
// has changed, change inOrder, then the list.
func TestInOrderKnowsEveryRule(t *testing.T) {
	var got []string
	parents := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	request := (&judgedv1.JudgeRequest{}).ProtoReflect().Descriptor()
	for _, m := range messages(everything().ProtoReflect()) {
		parents[m.Descriptor().FullName()] = m.Descriptor()
	}
	for field, rules := range ruled(t, request) {
		if parents[field.Parent().FullName()] == nil {
			t.Errorf("%s has rules, but no message of everything() has the field", field.FullName())
		}
		got = append(got, fmt.Sprintf("%s: %s", strings.TrimPrefix(string(field.FullName()), "judged.v1."), rulesText(rules.ProtoReflect())))
	}
	for name, d := range parents {
		rules, err := protovalidate.ResolveMessageRules(d)
		if err != nil {
			t.Fatal(err)
		}
		if rules != nil {
			got = append(got, fmt.Sprintf("%s: %s", strings.TrimPrefix(string(name), "judged.v1."), rulesText(rules.ProtoReflect())))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(knownRules, got); diff != "" {
		t.Errorf("(- taught, + in the contract)\n%s", diff)
	}
}

// What is refused is refused in protovalidate's words.
func TestValidatorRefuses(t *testing.T) {
	bad := everything()
	bad.Signals[0].Weight, bad.Looks.Every, bad.Signals[0].CanaryPods = -1, 0, nil
	for _, r := range []*judgedv1.JudgeRequest{{}, bad} {
		var got, want *protovalidate.ValidationError
		if !errors.As(validator{}.Validate(r), &got) || !errors.As(protovalidate.Validate(r), &want) {
			t.Fatalf("no violations of %v", r)
		}
		if !proto.Equal(got.ToProto(), want.ToProto()) {
			t.Errorf("violations %v, want %v", got, want)
		}
	}
	if err := (validator{}).Validate(everything()); err != nil {
		t.Error(err)
	}
	if err := (validator{}).Validate(&judgedv1.Looks{}); err == nil {
		t.Error("another message was not validated")
	}
}

// knownRules are what inOrder was written for.
var knownRules = []string{
	"Decision.alpha: this >= 0.000001 && this <= 0.5",
	"Decision.fail: max_len=4096",
	"Decision.inconclusive: max_len=4096",
	"Decision.pass: max_len=4096",
	"Histogram.bounds: max_items=65537",
	"Histogram.counts: max_items=65536",
	"JudgeRequest.assignment: defined_only=true",
	"JudgeRequest.interval: this >= duration('0s') && this <= duration('24h')",
	"JudgeRequest.signals: max_items=10000; size(this) > 0; this.map(s, s.name).unique()",
	"Looks.every: gte=1; lte=1000000",
	"Looks.planned_intervals: gte=1; lte=1000000",
	"Margin.absolute: this >= 0.0 && !this.isInf() && !this.isNan()",
	"Margin.relative: this >= 0.0 && this <= 10.0",
	`PodSamples.name: this.matches('^[^\\x00-\\x1f\\x7f]{0,253}$')`,
	"PodSamples.samples: required=true",
	"Samples.histograms: max_items=100000",
	"Samples.totals: max_items=1000000",
	"Samples.values: max_items=1000000",
	"SignalSamples.baseline_pods: max_items=1000",
	"SignalSamples.canary_pods: max_items=1000",
	"SignalSamples.direction: defined_only=true",
	"SignalSamples.judge: max_len=63",
	"SignalSamples.kind: defined_only=true",
	`SignalSamples.name: this.matches('^[^\\x00-\\x1f\\x7f]{1,253}$')`,
	"SignalSamples.share: this > 0.0 && this < 1.0",
	"SignalSamples.slo: this > 0.0 && !this.isInf()",
	"SignalSamples.unit: max_len=32",
	"SignalSamples.weight: this >= 0.0 && this <= 1000000.0",
	"SignalSamples: (has(this.canary) || size(this.canary_pods) > 0) && (has(this.baseline) || size(this.baseline_pods) > 0 || this.judge == 'anomaly'); (size(this.baseline_pods) > 0) == (size(this.canary_pods) > 0) && (size(this.baseline_pods) == 0 || has(this.baseline) == has(this.canary))",
}
